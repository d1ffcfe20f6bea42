//! Against the real library, in a directory of its own. Without the library there is nothing to test.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::Arc;

use super::super::committer::{Committer, Group};
use super::*;

struct Bed {
    directory: PathBuf,
}

impl Bed {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "terrace-kv-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        Self {
            directory: std::env::temp_dir().join(name),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            directory: self.directory.to_str().unwrap().to_owned(),
            library: None,
            block_cache_bytes: 8 << 20,
            memtable_bytes: 1 << 20,
            open_files_max: 64,
        }
    }

    fn open(&self) -> Arc<Database> {
        Arc::new(Database::open(&self.settings()).unwrap())
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

fn batch(rows: &[(&str, Option<&str>)]) -> Vec<u8> {
    let mut packed = Vec::new();
    for (key, value) in rows {
        if let Some(value) = value {
            packing::put_row(&mut packed, key.as_bytes(), value.as_bytes());
        } else {
            packed.extend_from_slice(&u32::try_from(key.len()).unwrap().to_le_bytes());
            packed.extend_from_slice(&packing::ABSENT.to_le_bytes());
            packed.extend_from_slice(key.as_bytes());
        }
    }
    packed
}

fn write(database: &Database, rows: &[(&str, Option<&str>)]) {
    database
        .write([batch(rows).as_slice()].into_iter(), true)
        .unwrap();
}

fn get(database: &Database, key: &str) -> Option<String> {
    let mut packed = Vec::new();
    packing::put_value(&mut packed, Some(key.as_bytes()));
    let answer = database.get_many(&packed, Reach::Disk).unwrap().unwrap();
    let (length, value) = answer.split_at(4);
    (length != packing::ABSENT.to_le_bytes()).then(|| String::from_utf8(value.to_vec()).unwrap())
}

fn page(database: &Database, request: &PageRequest<'_>) -> (Vec<String>, bool) {
    let page = database.page(request, Reach::Disk).unwrap().unwrap();
    let (is_last, rows) = page.split_first().unwrap();
    let keys =
        packing::Rows::new(rows).map(|row| String::from_utf8(row.unwrap().key.to_vec()).unwrap());
    (keys.collect(), *is_last == 1)
}

fn request<'a>(start: &'a str, end: &'a str, reverse: bool) -> PageRequest<'a> {
    PageRequest {
        start: start.as_bytes(),
        end: end.as_bytes(),
        reverse,
        entries_max: 10,
        bytes_max: 1 << 20,
    }
}

#[test]
fn rows_are_written_read_deleted_and_there_after_reopening() {
    let bed = Bed::new();
    let database = bed.open();
    write(
        &database,
        &[("a", Some("1")), ("b", Some("")), ("c", Some("3"))],
    );
    write(&database, &[("a", None)]);
    assert_eq!(get(&database, "a"), None);
    assert_eq!(get(&database, "b").as_deref(), Some(""));
    database.close();
    let database = bed.open();
    assert_eq!(get(&database, "c").as_deref(), Some("3"));
    assert_eq!(
        page(&database, &request("", "z", false)),
        (vec!["b".into(), "c".into()], true)
    );
}

#[test]
fn pages_keep_to_their_range_and_bounds_in_both_directions() {
    let bed = Bed::new();
    let database = bed.open();
    write(
        &database,
        &[
            ("a", Some("1")),
            ("b", Some("2")),
            ("c", Some("3")),
            ("d", Some("4")),
        ],
    );
    assert_eq!(
        page(&database, &request("b", "d", false)),
        (vec!["b".into(), "c".into()], true)
    );
    assert_eq!(
        page(&database, &request("b", "d", true)),
        (vec!["c".into(), "b".into()], true)
    );
    let two = PageRequest {
        entries_max: 2,
        ..request("a", "z", true)
    };
    assert_eq!(page(&database, &two), (vec!["d".into(), "c".into()], false));
    let bytes = PageRequest {
        bytes_max: 3,
        ..request("a", "z", false)
    };
    assert_eq!(
        page(&database, &bytes),
        (vec!["a".into(), "b".into()], false)
    );
    assert_eq!(page(&database, &request("d", "b", false)), (vec![], true));
}

#[test]
fn a_read_of_memory_says_when_it_would_need_the_disk() {
    let bed = Bed::new();
    let database = bed.open();
    let value = "x".repeat(10_000);
    for index in 0..300 {
        write(&database, &[(&format!("{index:04}"), Some(&value))]);
    }
    database.close();
    // A cache of one block: whatever lies in a table is not in memory.
    let database = Database::open(&Settings {
        block_cache_bytes: 1,
        ..bed.settings()
    })
    .unwrap();
    let mut packed = Vec::new();
    packing::put_value(&mut packed, Some(b"0000"));
    assert_eq!(database.get_many(&packed, Reach::Memory).unwrap(), None);
    assert_eq!(
        database
            .get_many(&packed, Reach::Disk)
            .unwrap()
            .unwrap()
            .len(),
        4 + value.len()
    );
    assert_eq!(
        database
            .page(&request("0", "1", false), Reach::Memory)
            .unwrap(),
        None
    );
    assert!(database
        .page(&request("0", "1", false), Reach::Disk)
        .unwrap()
        .is_some());
    write(&database, &[("0000", Some("hot"))]);
    assert_eq!(
        database
            .get_many(&packed, Reach::Memory)
            .unwrap()
            .unwrap()
            .len(),
        4 + 3
    );
}

#[test]
fn a_scan_over_many_deleted_rows_is_not_done_on_the_calling_thread() {
    let bed = Bed::new();
    let database = bed.open();
    let names: Vec<_> = (0..5000).map(|index| format!("{index:04}")).collect();
    let put: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), Some("1")))
        .collect();
    let delete: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    write(&database, &put);
    write(&database, &delete);
    let all = request("", "z", false);
    assert_eq!(database.page(&all, Reach::Memory).unwrap(), None);
    assert_eq!(page(&database, &all), (vec![], true));
}

#[test]
fn a_directory_in_use_is_said_in_one_sentence() {
    let bed = Bed::new();
    let _first = bed.open();
    let second = Database::open(&bed.settings()).err().unwrap();
    assert_eq!(second, Error::InUse(bed.settings().directory));
    assert!(second.to_string().ends_with("is in use by another process"));
}

#[test]
fn an_impossible_directory_is_rocksdbs_own_text() {
    let bed = Bed::new();
    let settings = Settings {
        directory: "/proc/terrace/kv".into(),
        ..bed.settings()
    };
    let Err(Error::Failed(text)) = Database::open(&settings) else {
        panic!("opened")
    };
    assert!(text.contains("/proc/terrace/kv"), "{text}");
}

#[test]
fn malformed_arguments_and_a_closed_database_are_errors() {
    let bed = Bed::new();
    let database = bed.open();
    assert_eq!(
        database.write([[1u8, 0, 0].as_slice()].into_iter(), true),
        Err(Error::Malformed)
    );
    assert_eq!(database.get_many(&[1], Reach::Disk), Err(Error::Malformed));
    database.close();
    database.close();
    assert_eq!(database.get_many(&[], Reach::Disk), Err(Error::Closed));
    assert_eq!(
        database.page(&request("a", "b", false), Reach::Disk),
        Err(Error::Closed)
    );
    assert_eq!(database.write(std::iter::empty(), true), Err(Error::Closed));
}

#[test]
fn a_committer_answers_for_every_batch_in_order_and_keeps_them_in_order() {
    let bed = Bed::new();
    let database = bed.open();
    let (sender, receiver) = mpsc::channel();
    let committer = Committer::start(Arc::clone(&database), move |group| {
        sender.send(group).unwrap();
    });
    for index in 0..500 {
        committer
            .submit(batch(&[("a", Some(&index.to_string()))]), index % 7 == 0)
            .unwrap();
    }
    committer.submit(Vec::new(), true).unwrap();
    committer.close();
    let groups: Vec<Group> = receiver.iter().collect();
    assert_eq!(groups.iter().map(|group| group.count).sum::<u32>(), 501);
    assert!(groups.iter().all(|group| group.failure.is_none()));
    assert_eq!(get(&database, "a").as_deref(), Some("499"));
    assert_eq!(committer.submit(Vec::new(), true), Err(Error::Closed));
}

#[test]
fn after_a_failure_every_later_batch_fails_too() {
    let bed = Bed::new();
    let database = bed.open();
    let (sender, receiver) = mpsc::channel();
    let committer = Committer::start(Arc::clone(&database), move |group| {
        sender.send(group).unwrap();
    });
    committer.submit(vec![1, 2, 3], true).unwrap();
    let first = receiver.recv().unwrap();
    committer.submit(batch(&[("a", Some("1"))]), true).unwrap();
    let second = receiver.recv().unwrap();
    assert_eq!(
        first.failure.as_deref(),
        Some("a packed buffer was cut short")
    );
    assert_eq!(second, first);
    assert_eq!(get(&database, "a"), None);
}
