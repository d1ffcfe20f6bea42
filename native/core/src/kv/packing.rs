//! Rows in one buffer, so that a border is crossed once per batch or page. All numbers are little-endian `u32`.
//! A row is the length of its key, the length of its value or [`ABSENT`], the key, the value.

/// In place of a value's length: a deletion, or nothing found.
pub const ABSENT: u32 = u32::MAX;

const LENGTH_BYTES: usize = 4;

/// One change of a batch; no value deletes.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Row<'a> {
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// Reads rows until the buffer ends; yields `None` once, and ends, where it is cut short.
pub struct Rows<'a> {
    rest: &'a [u8],
}

impl<'a> Rows<'a> {
    #[must_use]
    pub fn new(packed: &'a [u8]) -> Self {
        Self { rest: packed }
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Option<Row<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let row = take_row(&mut self.rest);
        if row.is_none() {
            self.rest = &[];
        }
        Some(row)
    }
}

fn take_row<'a>(rest: &mut &'a [u8]) -> Option<Row<'a>> {
    let key_length = take_length(rest)?;
    let value_length = take_length(rest)?;
    let key = take(rest, key_length)?;
    if value_length == ABSENT {
        return Some(Row { key, value: None });
    }
    let value = Some(take(rest, value_length)?);
    Some(Row { key, value })
}

/// The keys of a `get_many`: length, key, length, key … `None` where the buffer is cut short.
#[must_use]
pub fn keys(packed: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = packed;
    let mut keys = Vec::new();
    while !rest.is_empty() {
        let length = take_length(&mut rest)?;
        keys.push(take(&mut rest, length)?);
    }
    Some(keys)
}

/// # Panics
/// When a value has 4 GiB or more: RocksDB takes none of that size.
pub fn put_value(packed: &mut Vec<u8>, value: Option<&[u8]>) {
    match value {
        None => packed.extend_from_slice(&ABSENT.to_le_bytes()),
        Some(value) => {
            put_length(packed, value);
            packed.extend_from_slice(value);
        }
    }
}

/// # Panics
/// As [`put_value`].
pub fn put_row(packed: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    put_length(packed, key);
    put_length(packed, value);
    packed.extend_from_slice(key);
    packed.extend_from_slice(value);
}

fn put_length(packed: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("rows are smaller than 4 GiB");
    packed.extend_from_slice(&length.to_le_bytes());
}

fn take_length(rest: &mut &[u8]) -> Option<u32> {
    let (length, after) = rest.split_first_chunk::<LENGTH_BYTES>()?;
    *rest = after;
    Some(u32::from_le_bytes(*length))
}

fn take<'a>(rest: &mut &'a [u8], length: u32) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length as usize)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_packed_is_what_is_read() {
        let mut packed = Vec::new();
        put_row(&mut packed, b"key", b"value");
        put_row(&mut packed, b"", b"");
        packed.extend_from_slice(&1u32.to_le_bytes());
        packed.extend_from_slice(&ABSENT.to_le_bytes());
        packed.push(b'x');
        let rows: Vec<_> = Rows::new(&packed).collect();
        let row = |key, value| Some(Row { key, value });
        assert_eq!(
            rows,
            [
                row(b"key".as_slice(), Some(b"value".as_slice())),
                row(b"", Some(b"")),
                row(b"x", None)
            ]
        );
    }

    #[test]
    fn every_cut_is_noticed() {
        let mut packed = Vec::new();
        put_row(&mut packed, b"key", b"value");
        for length in 1..packed.len() {
            let rows: Vec<_> = Rows::new(&packed[..length]).collect();
            assert_eq!(rows, [None], "cut to {length}");
        }
        let mut packed_keys = Vec::new();
        put_value(&mut packed_keys, Some(b"key"));
        assert_eq!(keys(&packed_keys), Some(vec![b"key".as_slice()]));
        for length in 1..packed_keys.len() {
            assert_eq!(keys(&packed_keys[..length]), None, "cut to {length}");
        }
    }
}
