//! Where frames go in an image of `data` shards: each in one shard, where that can be helped.

use super::footer::{entry_bytes, TRAILER_BYTES};
use super::BLOCK_BYTES_MIN;

/// Frames start at multiples of it, so that a walk over a damaged shard finds the next one.
pub const FRAME_ALIGNMENT: usize = 16;
/// Lengths of shards that are tried until everything fits.
const TRIES: usize = 64;

/// What placing a frame needs to know of it.
#[derive(Clone, Copy, Debug)]
pub struct Piece {
    pub bytes: usize,
    /// Of its head, which stands in the index of the footer too.
    pub head_bytes: usize,
}

/// How far each shard is filled, from its start on, and what the footer at the end of the image takes by now.
#[derive(Clone, Debug)]
pub struct Layout {
    shard_bytes: usize,
    filled: Vec<usize>,
    footer_bytes: usize,
}

impl Layout {
    #[must_use]
    pub fn new(data: usize, shard_bytes: usize) -> Self {
        Self {
            shard_bytes,
            filled: vec![0; data],
            footer_bytes: TRAILER_BYTES,
        }
    }

    #[must_use]
    pub fn shard_bytes(&self) -> usize {
        self.shard_bytes
    }

    #[must_use]
    pub fn image_bytes(&self) -> usize {
        self.filled.len() * self.shard_bytes
    }

    /// The place in the image for a frame; `None` when there is no room for it and its entry in the footer. It goes into
    /// the first shard that has room for all of it. Only one that is larger than a shard goes over several.
    pub fn place(&mut self, piece: Piece) -> Option<usize> {
        let footer_bytes = self.footer_bytes + entry_bytes(piece.head_bytes);
        let end = self.image_bytes().checked_sub(footer_bytes)?;
        let is_covered = |index: usize| self.filled[index] > 0 && self.cursor(index) > end;
        if piece.bytes == 0 || (0..self.filled.len()).any(is_covered) {
            return None;
        }
        let start = (0..self.filled.len())
            .find(|&index| self.fits(index, piece.bytes, end))
            .map(|index| self.cursor(index))?;
        self.occupy(start, piece.bytes);
        self.footer_bytes = footer_bytes;
        Some(start)
    }

    /// The next free byte of a shard, in bytes of the image.
    fn cursor(&self, index: usize) -> usize {
        index * self.shard_bytes + self.filled[index]
    }

    fn fits(&self, index: usize, bytes: usize, end: usize) -> bool {
        let start = self.cursor(index);
        if bytes <= self.shard_bytes {
            return start + bytes <= end.min((index + 1) * self.shard_bytes);
        }
        let last = (start + bytes - 1) / self.shard_bytes;
        self.filled[index] < self.shard_bytes
            && start + bytes <= end
            && (index + 1..=last).all(|next| self.filled[next] == 0)
    }

    fn occupy(&mut self, start: usize, bytes: usize) {
        let end = (start + bytes).next_multiple_of(FRAME_ALIGNMENT);
        for (index, filled) in self.filled.iter_mut().enumerate() {
            let from = index * self.shard_bytes;
            if end > from && start < from + self.shard_bytes {
                *filled = (end - from).min(self.shard_bytes);
            }
        }
    }
}

/// The places of all `pieces` in the smallest image that holds them, and the length of its shards: one in which no frame
/// goes over several shards, unless that is a quarter larger than one in which some do. `None` when they need longer
/// shards than `shard_bytes_max`.
#[must_use]
pub fn smallest(
    data: usize,
    shard_bytes_max: usize,
    pieces: &[Piece],
) -> Option<(Layout, Vec<usize>)> {
    let total: usize = pieces.iter().map(|piece| piece.bytes).sum();
    let largest = pieces.iter().map(|piece| piece.bytes).max().unwrap_or(0);
    let dense = first_that_fits(data, total / data, shard_bytes_max, pieces)?;
    let bytes_max = dense.0.shard_bytes + dense.0.shard_bytes / 4;
    if largest <= dense.0.shard_bytes {
        return Some(dense);
    }
    first_that_fits(data, largest, bytes_max.min(shard_bytes_max), pieces).or(Some(dense))
}

fn first_that_fits(
    data: usize,
    from: usize,
    to: usize,
    pieces: &[Piece],
) -> Option<(Layout, Vec<usize>)> {
    let from = from.max(1).next_multiple_of(BLOCK_BYTES_MIN);
    let to = to / BLOCK_BYTES_MIN * BLOCK_BYTES_MIN;
    // In few steps also where shards are long.
    let step = to.saturating_sub(from) / TRIES;
    let step = step.next_multiple_of(BLOCK_BYTES_MIN).max(BLOCK_BYTES_MIN);
    let last = (from <= to).then_some(to);
    (from..=to)
        .step_by(step)
        .chain(last)
        .find_map(|shard_bytes| {
            let mut layout = Layout::new(data, shard_bytes);
            let places: Option<Vec<usize>> =
                pieces.iter().map(|&piece| layout.place(piece)).collect();
            Some((layout, places?))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: usize = 100;

    fn piece(bytes: usize) -> Piece {
        Piece {
            bytes,
            head_bytes: HEAD,
        }
    }

    #[test]
    fn frames_overlap_neither_each_other_nor_the_footer_and_stay_in_one_shard() {
        for data in [1, 2, 4, 7] {
            for scale in [300, 5000, 20_000] {
                let mut layout = Layout::new(data, 65_536);
                let mut used: Vec<(usize, usize)> = Vec::new();
                for index in 0usize.. {
                    let bytes = 120 + index * 7919 % scale;
                    let Some(start) = layout.place(piece(bytes)) else {
                        break;
                    };
                    assert_eq!(start % FRAME_ALIGNMENT, 0);
                    assert_eq!(start / 65_536, (start + bytes - 1) / 65_536);
                    assert!(used
                        .iter()
                        .all(|&(from, to)| start >= to || start + bytes <= from));
                    used.push((start, start + bytes));
                }
                let footer = TRAILER_BYTES + used.len() * entry_bytes(HEAD);
                assert!(used.iter().all(|&(_, end)| end <= data * 65_536 - footer));
                let total: usize = used.iter().map(|(from, to)| to - from).sum();
                let padding =
                    used.len() * FRAME_ALIGNMENT + data * (scale + 120 + entry_bytes(HEAD));
                assert!(total + padding + footer > data * 65_536);
            }
        }
    }

    #[test]
    fn a_frame_larger_than_a_shard_goes_over_neighbours_that_are_empty() {
        let mut layout = Layout::new(4, 4096);
        assert_eq!(layout.place(piece(200)), Some(0));
        assert_eq!(layout.place(piece(6000)), Some(208));
        assert_eq!(layout.place(piece(4000)), Some(8192));
        // The third shard has no room beside it, the second has.
        assert_eq!(layout.place(piece(1000)), Some(6208));
        assert_eq!(layout.place(piece(5000)), None);
    }

    #[test]
    fn the_image_is_as_small_as_its_frames_allow() {
        let frames = [piece(30_000), piece(10_000), piece(5000)];
        let (layout, places) = smallest(4, 1 << 19, &frames).unwrap();
        assert_eq!(layout.shard_bytes(), 12_288, "one large frame is spread");
        assert_eq!(places.len(), 3);
        let frames: Vec<Piece> = (0..60).map(|_| piece(30_000)).collect();
        let (layout, places) = smallest(4, 1 << 19, &frames).unwrap();
        let bytes = layout.shard_bytes();
        assert!((450_000..1 << 19).contains(&bytes));
        assert!(places
            .iter()
            .all(|start| start / bytes == (start + 29_999) / bytes));
        assert!(smallest(4, 1 << 18, &frames).is_none());
        let (empty, _) = smallest(3, 4096, &[]).unwrap();
        assert_eq!(empty.image_bytes(), 3 * 4096);
    }
}
