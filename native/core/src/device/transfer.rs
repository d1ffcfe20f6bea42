//! One read or write of at most `BUFFER_BYTES`, and the request that it is a piece of. The drivers only move bytes; what a
//! result means is decided here, once for both.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;

use super::pool::{Buffer, Pool, BUFFER_BYTES};
use crate::digest::crc32c;

pub const BLOCK_BYTES: usize = 4096;
/// Interrupted or refused attempts in a row before a transfer fails; each made no progress at all.
const FRUITLESS_ATTEMPTS_MAX: u32 = 1000;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// An errno.
    Failed(i32),
    /// Index of the first block, counted within the request, that fails its checksum.
    Corrupt(u32),
}

/// Bytes that the caller keeps alive and unchanged until the request is complete.
#[derive(Clone, Copy)]
pub struct Source {
    pub address: *const u8,
    pub length: usize,
}

/// Shared by the pieces of one read or write. The last piece to finish completes it.
pub struct Request {
    pub id: u32,
    pieces_left: AtomicU32,
    /// 0 done, else 1 + errno, or the mark and the index of a block; the least block counts, an errno beats any.
    failure: AtomicU64,
    sources: Vec<Source>,
}

const CORRUPT_MARK: u64 = 1 << 32;

// SAFETY: the addresses in `sources` are only read, and the caller keeps them valid.
unsafe impl Send for Request {}
// SAFETY: as above; what changes is atomic.
unsafe impl Sync for Request {}

impl Request {
    fn new(id: u32, pieces: usize, sources: Vec<Source>) -> Arc<Self> {
        let pieces_left = AtomicU32::new(u32::try_from(pieces).expect("a bounded request"));
        Arc::new(Self {
            id,
            pieces_left,
            failure: AtomicU64::new(0),
            sources,
        })
    }

    /// The outcome of the whole when this was the last piece.
    fn piece_finished(&self, outcome: Outcome) -> Option<Outcome> {
        let rank = |code: u64| if code == 0 { u64::MAX } else { code };
        let code = match outcome {
            Outcome::Done => 0,
            Outcome::Failed(errno) => 1 + u64::from(errno.unsigned_abs()),
            Outcome::Corrupt(block) => CORRUPT_MARK + u64::from(block),
        };
        let keep_least = |old: u64| Some(if rank(code) < rank(old) { code } else { old });
        let _ = self
            .failure
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, keep_least);
        if self.pieces_left.fetch_sub(1, Ordering::AcqRel) > 1 {
            return None;
        }
        Some(match self.failure.load(Ordering::Acquire) {
            0 => Outcome::Done,
            code if code < CORRUPT_MARK => {
                Outcome::Failed(i32::try_from(code - 1).expect("an errno"))
            }
            code => Outcome::Corrupt(u32::try_from(code - CORRUPT_MARK).expect("a block index")),
        })
    }
}

enum Direction {
    /// Gathers from the request's sources, starting so many bytes into them; fills in the checksums.
    Write {
        skip: usize,
        buffer: Option<Buffer>,
        checksums: *mut u32,
    },
    Read {
        target: *mut u8,
        /// None: whoever reads compares by other means.
        checksums: Option<*const u32>,
    },
}

pub struct Transfer {
    request: Arc<Request>,
    direction: Direction,
    /// On the device, with the superblock region.
    offset: u64,
    length: usize,
    done: usize,
    first_block: u32,
    fruitless_attempts: u32,
    was_read_again: bool,
}

// SAFETY: its addresses belong to the caller of the request, who keeps them valid, or to the pool.
unsafe impl Send for Transfer {}

/// What the system call is to do next.
pub struct Operation {
    pub is_write: bool,
    pub address: *mut u8,
    pub length: u32,
    pub offset: u64,
}

pub enum Step {
    Again,
    Finished(Outcome),
}

impl Transfer {
    /// The pieces of one write of the concatenation of `sources`; `checksums` takes one word a block.
    pub fn of_write(id: u32, offset: u64, sources: Vec<Source>, checksums: *mut u32) -> Vec<Self> {
        let bytes: usize = sources.iter().map(|source| source.length).sum();
        pieces(
            id,
            offset,
            bytes.next_multiple_of(BLOCK_BYTES),
            sources,
            |start| Direction::Write {
                skip: start,
                buffer: None,
                // SAFETY: the array has one word for each block of the request.
                checksums: unsafe { checksums.add(start / BLOCK_BYTES) },
            },
        )
    }

    /// The pieces of one read of `blocks` blocks into `target`, which is aligned.
    pub fn of_read(
        id: u32,
        offset: u64,
        target: *mut u8,
        checksums: *const u32,
        blocks: usize,
    ) -> Vec<Self> {
        pieces(id, offset, blocks * BLOCK_BYTES, Vec::new(), |start| {
            Direction::Read {
                // SAFETY: target and checksums are as long as the request.
                target: unsafe { target.add(start) },
                // SAFETY: as above, one checksum for each block.
                checksums: Some(unsafe { checksums.add(start / BLOCK_BYTES) }),
            }
        })
    }

    /// As `of_read`, but what was read is compared with nothing.
    pub fn of_unchecked_read(id: u32, offset: u64, target: *mut u8, blocks: usize) -> Vec<Self> {
        pieces(id, offset, blocks * BLOCK_BYTES, Vec::new(), |start| {
            Direction::Read {
                // SAFETY: target is as long as the request.
                target: unsafe { target.add(start) },
                checksums: None,
            }
        })
    }

    pub fn length(&self) -> usize {
        self.length
    }

    pub fn is_write(&self) -> bool {
        matches!(self.direction, Direction::Write { .. })
    }

    /// Copies the bytes of a write into aligned memory and computes its checksums. Once, before the first operation.
    pub fn fill(&mut self, taken: Buffer) {
        let Direction::Write {
            skip,
            buffer,
            checksums,
        } = &mut self.direction
        else {
            return;
        };
        let address = taken.address.as_ptr();
        // SAFETY: a buffer has BUFFER_BYTES, no transfer is longer, and it is this transfer's own.
        let target = unsafe { std::slice::from_raw_parts_mut(address, self.length) };
        let mut gather = Gather::new(&self.request.sources, *skip);
        for (index, block) in target.chunks_exact_mut(BLOCK_BYTES).enumerate() {
            gather.fill(block);
            // SAFETY: one word a block, kept alive by the caller; pieces write disjoint parts of it.
            unsafe { checksums.add(index).write_unaligned(crc32c(block)) };
        }
        *buffer = Some(taken);
    }

    /// # Panics
    /// For a write that was not filled.
    pub fn operation(&self) -> Operation {
        let base = match &self.direction {
            Direction::Write { buffer, .. } => {
                buffer.as_ref().expect("a filled write").address.as_ptr()
            }
            Direction::Read { target, .. } => *target,
        };
        Operation {
            is_write: self.is_write(),
            // SAFETY: `done` never exceeds the length.
            address: unsafe { base.add(self.done) },
            length: u32::try_from(self.length - self.done).expect("a bounded transfer"),
            offset: self.offset + self.done as u64,
        }
    }

    /// Takes the result of a system call: bytes moved, or a negative errno.
    pub fn advance(&mut self, result: i32) -> Step {
        let Ok(moved) = usize::try_from(result) else {
            return match -result {
                libc::EINTR | libc::EAGAIN => self.without_progress(-result),
                errno => Step::Finished(Outcome::Failed(errno)),
            };
        };
        // Direct I/O goes on at a block: what a short transfer left of the last one is moved again.
        let end = self.done + moved;
        let aligned = if end < self.length {
            end - end % BLOCK_BYTES
        } else {
            end
        };
        if aligned == self.done && aligned < self.length {
            return self.without_progress(match moved {
                0 if self.is_write() => libc::ENOSPC,
                0 => libc::EIO,
                _ => libc::EAGAIN,
            });
        }
        self.fruitless_attempts = 0;
        self.done = aligned;
        if self.done < self.length {
            return Step::Again;
        }
        match self.first_corrupt_block() {
            None => Step::Finished(Outcome::Done),
            Some(_) if !self.was_read_again => {
                self.was_read_again = true;
                self.done = 0;
                Step::Again
            }
            Some(block) => Step::Finished(Outcome::Corrupt(self.first_block + block)),
        }
    }

    /// Gives the buffer back; the outcome of the request when this was its last piece.
    pub fn finish(self, outcome: Outcome, pool: &Pool) -> Option<(u32, Outcome)> {
        if let Direction::Write {
            buffer: Some(buffer),
            ..
        } = &self.direction
        {
            pool.give_back(buffer);
        }
        self.request
            .piece_finished(outcome)
            .map(|whole| (self.request.id, whole))
    }

    fn without_progress(&mut self, errno: i32) -> Step {
        self.fruitless_attempts += 1;
        if self.fruitless_attempts < FRUITLESS_ATTEMPTS_MAX
            && matches!(errno, libc::EINTR | libc::EAGAIN)
        {
            return Step::Again;
        }
        Step::Finished(Outcome::Failed(errno))
    }

    fn first_corrupt_block(&self) -> Option<u32> {
        let Direction::Read {
            target,
            checksums: Some(checksums),
        } = &self.direction
        else {
            return None;
        };
        // SAFETY: the caller keeps target and checksums valid; the read into target is complete.
        let bytes = unsafe { std::slice::from_raw_parts(*target, self.length) };
        bytes
            .chunks_exact(BLOCK_BYTES)
            .zip(0_u32..)
            .find_map(|(block, index)| {
                // SAFETY: one word a block.
                let expected = unsafe { checksums.add(index as usize).read_unaligned() };
                (crc32c(block) != expected).then_some(index)
            })
    }
}

fn pieces(
    id: u32,
    offset: u64,
    bytes: usize,
    sources: Vec<Source>,
    direction: impl Fn(usize) -> Direction,
) -> Vec<Transfer> {
    let request = Request::new(id, bytes.div_ceil(BUFFER_BYTES), sources);
    (0..bytes)
        .step_by(BUFFER_BYTES)
        .map(|start| Transfer {
            request: Arc::clone(&request),
            direction: direction(start),
            offset: offset + start as u64,
            length: (bytes - start).min(BUFFER_BYTES),
            done: 0,
            first_block: u32::try_from(start / BLOCK_BYTES).expect("a bounded request"),
            fruitless_attempts: 0,
            was_read_again: false,
        })
        .collect()
}

/// Reads a list of sources as one run of bytes.
struct Gather<'a> {
    sources: &'a [Source],
    position: usize,
}

impl<'a> Gather<'a> {
    fn new(sources: &'a [Source], skip: usize) -> Self {
        let mut gather = Self {
            sources,
            position: skip,
        };
        gather.skip_exhausted();
        gather
    }

    /// Fills `block`, with zeros where the sources end.
    fn fill(&mut self, block: &mut [u8]) {
        let mut filled = 0;
        while let Some(source) = self.sources.first().filter(|_| filled < block.len()) {
            let count = (source.length - self.position).min(block.len() - filled);
            // SAFETY: the caller of the request keeps its sources valid; the range lies within this one.
            let bytes =
                unsafe { std::slice::from_raw_parts(source.address.add(self.position), count) };
            block[filled..filled + count].copy_from_slice(bytes);
            filled += count;
            self.position += count;
            self.skip_exhausted();
        }
        block[filled..].fill(0);
    }

    fn skip_exhausted(&mut self) {
        while let Some(source) = self
            .sources
            .first()
            .filter(|source| self.position >= source.length)
        {
            self.position -= source.length;
            self.sources = &self.sources[1..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(parts: &[Vec<u8>]) -> Vec<Source> {
        parts
            .iter()
            .map(|part| Source {
                address: part.as_ptr(),
                length: part.len(),
            })
            .collect()
    }

    fn finished(step: &Step) -> Outcome {
        match step {
            Step::Finished(outcome) => *outcome,
            Step::Again => panic!("not finished"),
        }
    }

    #[test]
    fn gathering_joins_parts_and_pads_with_zeros() {
        let parts = [vec![], vec![1; 5000], vec![2; 1], vec![], vec![3; 3000]];
        let mut checksums = vec![0_u32; 2];
        let pool = Pool::new(1).unwrap();
        let mut transfers = Transfer::of_write(9, 0, sources(&parts), checksums.as_mut_ptr());
        assert_eq!(transfers.len(), 1);
        let mut transfer = transfers.remove(0);
        transfer.fill(pool.take());
        let operation = transfer.operation();
        // SAFETY: the buffer of the transfer.
        let bytes = unsafe { std::slice::from_raw_parts(operation.address, 8192) };
        let mut want = parts.concat();
        want.resize(8192, 0);
        assert_eq!(bytes, want);
        assert_eq!(checksums, [crc32c(&want[..4096]), crc32c(&want[4096..])]);
        assert_eq!(finished(&transfer.advance(8192)), Outcome::Done);
        assert_eq!(
            transfer.finish(Outcome::Done, &pool),
            Some((9, Outcome::Done))
        );
        assert!(pool.try_take().is_some());
    }

    #[test]
    fn a_short_transfer_goes_on_at_the_block_it_did_not_finish() {
        let parts = [vec![7; 16384]];
        let mut checksums = vec![0_u32; 4];
        let pool = Pool::new(1).unwrap();
        let mut transfer =
            Transfer::of_write(1, 8192, sources(&parts), checksums.as_mut_ptr()).remove(0);
        transfer.fill(pool.take());
        assert!(matches!(transfer.advance(-libc::EINTR), Step::Again));
        assert!(matches!(transfer.advance(4096 + 512), Step::Again));
        let operation = transfer.operation();
        assert_eq!((operation.offset, operation.length), (8192 + 4096, 12288));
        assert_eq!(finished(&transfer.advance(12288)), Outcome::Done);
    }

    #[test]
    fn errors_end_a_transfer() {
        let cases = [
            (-libc::EIO, libc::EIO),
            (-libc::ENOSPC, libc::ENOSPC),
            (0, libc::ENOSPC),
        ];
        for (result, want) in cases {
            let parts = [vec![7; 4096]];
            let mut checksum = 0_u32;
            let mut transfer =
                Transfer::of_write(1, 0, sources(&parts), &raw mut checksum).remove(0);
            assert_eq!(finished(&transfer.advance(result)), Outcome::Failed(want));
        }
    }

    #[test]
    fn interruptions_without_end_are_an_error() {
        let mut block = vec![0_u8; 4096];
        let checksum = 0_u32;
        let mut transfer =
            Transfer::of_read(1, 0, block.as_mut_ptr(), &raw const checksum, 1).remove(0);
        let attempts = (0..2000)
            .take_while(|_| matches!(transfer.advance(-libc::EINTR), Step::Again))
            .count();
        assert_eq!(attempts, 999);
    }

    #[test]
    fn a_block_that_differs_is_read_once_more_and_then_named() {
        let mut bytes = vec![5_u8; 3 * 4096];
        let checksums: Vec<u32> = bytes.chunks(4096).map(crc32c).collect();
        bytes[4096 + 17] ^= 4;
        let mut transfer =
            Transfer::of_read(1, 0, bytes.as_mut_ptr(), checksums.as_ptr(), 3).remove(0);
        assert!(matches!(transfer.advance(3 * 4096), Step::Again));
        assert_eq!(transfer.operation().length, 3 * 4096);
        assert_eq!(finished(&transfer.advance(3 * 4096)), Outcome::Corrupt(1));
    }

    #[test]
    fn an_unchecked_read_ends_with_whatever_is_there() {
        let mut bytes = vec![5_u8; 2 * 4096];
        let mut transfer = Transfer::of_unchecked_read(1, 0, bytes.as_mut_ptr(), 2).remove(0);
        assert!(matches!(transfer.advance(4096), Step::Again));
        assert_eq!(finished(&transfer.advance(4096)), Outcome::Done);
    }

    #[test]
    fn the_worst_piece_decides_over_the_whole() {
        let request = Request::new(4, 4, Vec::new());
        assert_eq!(request.piece_finished(Outcome::Corrupt(300)), None);
        assert_eq!(request.piece_finished(Outcome::Done), None);
        assert_eq!(request.piece_finished(Outcome::Corrupt(5)), None);
        assert_eq!(
            request.piece_finished(Outcome::Done),
            Some(Outcome::Corrupt(5))
        );
        let request = Request::new(4, 2, Vec::new());
        assert_eq!(request.piece_finished(Outcome::Corrupt(300)), None);
        assert_eq!(
            request.piece_finished(Outcome::Failed(libc::EIO)),
            Some(Outcome::Failed(libc::EIO))
        );
    }
}
