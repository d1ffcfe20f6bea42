//! The device on real files, with each driver.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{channel, Receiver};

use terrace_core::device::{
    Creation, Device, DriverChoice, Outcome, Refusal, RefusalKind, Source, BLOCK_BYTES, UNIT_BYTES,
};
use terrace_core::digest::crc32c;

/// The first is `io_uring` unless the kernel forbids it.
const DRIVERS: [DriverChoice; 2] = [DriverChoice::Any, DriverChoice::Threads];
const REGION_BYTES: u64 = 1 << 20;
static DIRECTORIES: AtomicU32 = AtomicU32::new(0);

struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let number = DIRECTORIES.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("terrace-core-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn device(&self) -> PathBuf {
        self.0.join("hot")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Opened {
    device: Device,
    notified: Receiver<()>,
    completed: HashMap<u32, Outcome>,
    next_id: u32,
}

impl Opened {
    fn open(directory: &Directory, choice: DriverChoice) -> Result<Self, Refusal> {
        let (notify, notified) = channel();
        let creation = Creation {
            uuid: [9; 16],
            bytes: 1,
        };
        let notify = Box::new(move || {
            let _ = notify.send(());
        });
        let device = Device::open(&directory.device(), &creation, choice, notify)?;
        Ok(Self {
            device,
            notified,
            completed: HashMap::new(),
            next_id: 0,
        })
    }

    fn start(&mut self, request: impl FnOnce(&Device, u32)) -> u32 {
        self.next_id += 1;
        request(&self.device, self.next_id);
        self.next_id
    }

    fn wait(&mut self, id: u32) -> Outcome {
        loop {
            if let Some(outcome) = self.completed.remove(&id) {
                return outcome;
            }
            self.notified.recv().unwrap();
            self.completed.extend(self.device.completions());
        }
    }

    fn write(&mut self, offset: u64, parts: &[&[u8]]) -> (Outcome, Vec<u32>) {
        let bytes: usize = parts.iter().map(|part| part.len()).sum();
        let mut checksums = vec![0; bytes.div_ceil(BLOCK_BYTES)];
        let sources = parts
            .iter()
            .map(|part| Source {
                address: part.as_ptr(),
                length: part.len(),
            })
            .collect();
        let target = checksums.as_mut_ptr();
        // SAFETY: both outlive the request, which is waited for.
        let id = self.start(|device, id| unsafe { device.write(id, offset, sources, target) });
        (self.wait(id), checksums)
    }

    fn read(&mut self, offset: u64, checksums: &[u32]) -> (Outcome, Vec<u8>) {
        let bytes = checksums.len() * BLOCK_BYTES;
        let mut memory = vec![0_u8; bytes + BLOCK_BYTES];
        let skip = memory.as_ptr().align_offset(BLOCK_BYTES);
        let target = memory[skip..].as_mut_ptr();
        // SAFETY: both outlive the request, which is waited for.
        let id = self.start(|device, id| unsafe {
            device.read(id, offset, target, checksums.as_ptr(), checksums.len());
        });
        let outcome = self.wait(id);
        (outcome, memory[skip..skip + bytes].to_vec())
    }

    fn flush(&mut self) -> Outcome {
        let id = self.start(Device::flush);
        self.wait(id)
    }
}

fn pattern(length: usize, seed: u8) -> Vec<u8> {
    (0..length)
        .map(|index| index.to_le_bytes()[0].wrapping_mul(31) ^ index.to_le_bytes()[1] ^ seed)
        .collect()
}

#[test]
fn what_was_written_is_read_with_each_driver() {
    for choice in DRIVERS {
        let directory = Directory::new();
        let mut opened = Opened::open(&directory, choice).unwrap();
        for (offset, length) in [
            (0, 1),
            (1 << 20, 4096),
            (4096, 5000),
            (8 << 20, (3 << 20) + 17),
        ] {
            let bytes = pattern(length, 3);
            let (head, tail) = bytes.split_at(length / 3);
            let (outcome, checksums) = opened.write(offset, &[head, tail]);
            assert_eq!(outcome, Outcome::Done);
            let mut want = bytes.clone();
            want.resize(length.next_multiple_of(BLOCK_BYTES), 0);
            let want_checksums: Vec<u32> = want.chunks(BLOCK_BYTES).map(crc32c).collect();
            assert_eq!(checksums, want_checksums);
            assert_eq!(opened.read(offset, &checksums), (Outcome::Done, want));
        }
        assert_eq!(opened.flush(), Outcome::Done);
    }
}

#[test]
fn many_requests_at_once_all_complete() {
    for choice in DRIVERS {
        let directory = Directory::new();
        let mut opened = Opened::open(&directory, choice).unwrap();
        let bytes: Vec<Vec<u8>> = (0..500_u16)
            .map(|seed| pattern(8192, seed.to_le_bytes()[0]))
            .collect();
        let mut checksums = vec![[0_u32; 2]; bytes.len()];
        let mut ids = Vec::new();
        for (index, (bytes, checksums)) in bytes.iter().zip(&mut checksums).enumerate() {
            let sources = vec![Source {
                address: bytes.as_ptr(),
                length: bytes.len(),
            }];
            // SAFETY: both outlive the requests, which are all waited for.
            let write = |device: &Device, id: u32| unsafe {
                device.write(id, index as u64 * 8192, sources, checksums.as_mut_ptr());
            };
            ids.push(opened.start(write));
            if index % 7 == 0 {
                ids.push(opened.start(Device::flush));
            }
        }
        for id in ids {
            assert_eq!(opened.wait(id), Outcome::Done);
        }
        for (index, (bytes, checksums)) in bytes.iter().zip(&checksums).enumerate() {
            assert_eq!(
                opened.read(index as u64 * 8192, checksums),
                (Outcome::Done, bytes.clone())
            );
        }
    }
}

#[test]
fn a_flipped_bit_names_its_block() {
    for choice in DRIVERS {
        let directory = Directory::new();
        let mut opened = Opened::open(&directory, choice).unwrap();
        let (_, checksums) = opened.write(4 << 20, &[&pattern(600 * BLOCK_BYTES, 1)]);
        let file = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(directory.device())
            .unwrap();
        for block in [599_u64, 300] {
            let at = REGION_BYTES + (4 << 20) + block * 4096 + 100;
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at).unwrap();
            file.sync_all().unwrap();
            assert_eq!(
                opened.read(4 << 20, &checksums).0,
                Outcome::Corrupt(u32::try_from(block).unwrap())
            );
        }
    }
}

#[test]
fn content_size_and_identity_survive_reopening_and_growth() {
    let directory = Directory::new();
    let bytes = pattern(100_000, 8);
    let mut opened = Opened::open(&directory, DriverChoice::Any).unwrap();
    assert_eq!(opened.device.bytes(), UNIT_BYTES);
    let (_, checksums) = opened.write(4096, &[&bytes]);
    opened.device.grow(UNIT_BYTES + 1).unwrap();
    assert_eq!(opened.device.bytes(), 2 * UNIT_BYTES);
    let (_, grown) = opened.write(2 * UNIT_BYTES - 4096, &[b"last"]);
    assert_eq!(opened.flush(), Outcome::Done);
    drop(opened);
    let mut opened = Opened::open(&directory, DriverChoice::Any).unwrap();
    assert_eq!(opened.device.bytes(), 2 * UNIT_BYTES);
    assert_eq!(opened.device.uuid, [9; 16]);
    assert_eq!(opened.read(4096, &checksums).1[..bytes.len()], bytes);
    assert_eq!(&opened.read(2 * UNIT_BYTES - 4096, &grown).1[..4], b"last");
    assert!(!directory.0.join("hot.new").exists());
}

fn refusal(directory: &Directory) -> Refusal {
    Opened::open(directory, DriverChoice::Threads)
        .err()
        .expect("a refusal")
}

#[test]
fn a_second_opener_is_refused() {
    let directory = Directory::new();
    let opened = Opened::open(&directory, DriverChoice::Threads).unwrap();
    assert_eq!(refusal(&directory).kind, RefusalKind::InUse);
    drop(opened);
    Opened::open(&directory, DriverChoice::Threads).unwrap();
}

#[test]
fn what_is_not_ours_is_left_untouched() {
    let cases: [(&str, Vec<u8>); 3] = [
        ("text", b"my thesis".to_vec()),
        ("zeros", vec![0; 8192]),
        ("other", vec![0xa5; 2 << 20]),
    ];
    for (name, bytes) in cases {
        let directory = Directory::new();
        fs::write(directory.device(), &bytes).unwrap();
        let refusal = refusal(&directory);
        assert_eq!(refusal.kind, RefusalKind::NotOurs, "{name}");
        assert!(
            refusal.sentence.contains("left untouched"),
            "{}",
            refusal.sentence
        );
        assert_eq!(fs::read(directory.device()).unwrap(), bytes);
    }
}

#[test]
fn an_empty_file_becomes_a_device() {
    let directory = Directory::new();
    fs::write(directory.device(), b"").unwrap();
    assert_eq!(
        Opened::open(&directory, DriverChoice::Threads)
            .unwrap()
            .device
            .bytes(),
        UNIT_BYTES
    );
}

#[test]
fn an_unfinished_creation_is_begun_again() {
    let directory = Directory::new();
    fs::write(directory.0.join("hot.new"), vec![1; 5000]).unwrap();
    drop(Opened::open(&directory, DriverChoice::Threads).unwrap());
    assert!(!directory.0.join("hot.new").exists());
    let length = fs::metadata(directory.device()).unwrap().len();
    assert_eq!(length, REGION_BYTES + UNIT_BYTES);
}

#[test]
fn one_damaged_superblock_is_survived_and_two_or_a_newer_one_are_refused() {
    let directory = Directory::new();
    drop(Opened::open(&directory, DriverChoice::Threads).unwrap());
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(directory.device())
        .unwrap();
    file.write_all_at(&[0xff; 4], 20).unwrap();
    drop(Opened::open(&directory, DriverChoice::Threads).unwrap());
    file.write_all_at(&[0xff; 4], 512 * 1024 + 20).unwrap();
    assert!(refusal(&directory).sentence.contains("damaged"));
    file.write_all_at(&[2], 8).unwrap();
    assert!(refusal(&directory).sentence.contains("newer"));
}

#[test]
fn a_device_that_something_else_was_put_on_is_left_untouched() {
    for offset in [0, 512 * 1024] {
        let directory = Directory::new();
        drop(Opened::open(&directory, DriverChoice::Threads).unwrap());
        let file = fs::OpenOptions::new()
            .write(true)
            .open(directory.device())
            .unwrap();
        // As mkfs leaves the first block; the other copy of the superblock may well be whole.
        let mut block = [0; 4096];
        block[1024..1030].copy_from_slice(b"others");
        file.write_all_at(&block, offset).unwrap();
        let before = fs::read(directory.device()).unwrap();
        let refusal = refusal(&directory);
        assert_eq!(refusal.kind, RefusalKind::NotOurs);
        assert!(
            refusal.sentence.contains("left untouched"),
            "{}",
            refusal.sentence
        );
        assert!(fs::read(directory.device()).unwrap() == before);
    }
}

#[test]
fn a_file_that_lost_its_end_is_refused() {
    let directory = Directory::new();
    drop(Opened::open(&directory, DriverChoice::Threads).unwrap());
    fs::OpenOptions::new()
        .write(true)
        .open(directory.device())
        .unwrap()
        .set_len(2 << 20)
        .unwrap();
    assert_eq!(refusal(&directory).kind, RefusalKind::NotOurs);
}

#[test]
fn growth_without_room_leaves_the_device_as_it_was() {
    let directory = Directory::new();
    let opened = Opened::open(&directory, DriverChoice::Threads).unwrap();
    let refusal = opened.device.grow(1 << 60).expect_err("a refusal");
    assert_eq!(refusal.kind, RefusalKind::NoSpace);
    assert_eq!(opened.device.bytes(), UNIT_BYTES);
    let length = fs::metadata(directory.device()).unwrap().len();
    assert_eq!(length, REGION_BYTES + UNIT_BYTES);
}
