//! One page of a scan.

use std::ptr;

use super::super::library::Handle;
use super::super::packing;
use super::{slice, text, Database, Error, Handles, PageRequest, Reach};
use super::{READ_TIER_BLOCK_CACHE, SKIPPED_KEYS_MAX};

/// An iterator over one range, with the options that hold its bounds.
pub(super) struct Cursor<'a> {
    database: &'a Database,
    options: Handle,
    iterator: Handle,
}

impl<'a> Cursor<'a> {
    pub(super) fn open(
        database: &'a Database,
        handles: &Handles,
        (request, reach): (&PageRequest<'a>, Reach),
    ) -> Self {
        let library = database.library;
        // SAFETY: live handles; RocksDB keeps pointers to the bounds, which outlive the cursor ('a).
        unsafe {
            let options = (library.readoptions_create)();
            if reach == Reach::Memory {
                (library.readoptions_set_read_tier)(options, READ_TIER_BLOCK_CACHE);
                (library.readoptions_set_max_skippable_internal_keys)(options, SKIPPED_KEYS_MAX);
            }
            (library.readoptions_set_iterate_lower_bound)(
                options,
                text(request.start),
                request.start.len(),
            );
            (library.readoptions_set_iterate_upper_bound)(
                options,
                text(request.end),
                request.end.len(),
            );
            let iterator = (library.create_iterator)(handles.database, options);
            if request.reverse {
                (library.iter_seek_to_last)(iterator);
            } else {
                (library.iter_seek)(iterator, text(request.start), request.start.len());
            }
            Self {
                database,
                options,
                iterator,
            }
        }
    }

    pub(super) fn collect(&self, request: &PageRequest<'_>) -> Result<Vec<u8>, Error> {
        let library = self.database.library;
        let mut packed = vec![0];
        let (mut entries, mut bytes) = (0, 0);
        // SAFETY: a live iterator; key and value live until it moves and are copied before.
        while unsafe { (library.iter_valid)(self.iterator) } != 0 {
            if entries == request.entries_max || bytes >= request.bytes_max {
                return Ok(packed);
            }
            // SAFETY: the iterator is valid; key and value live until it moves, and are copied before that.
            unsafe {
                let (mut key_length, mut value_length) = (0, 0);
                let key = (library.iter_key)(self.iterator, &raw mut key_length);
                let value = (library.iter_value)(self.iterator, &raw mut value_length);
                packing::put_row(
                    &mut packed,
                    slice(key, key_length),
                    slice(value, value_length),
                );
                entries += 1;
                bytes += key_length + value_length;
                if request.reverse {
                    (library.iter_prev)(self.iterator);
                } else {
                    (library.iter_next)(self.iterator);
                }
            }
        }
        let mut failure = ptr::null_mut();
        // SAFETY: a live iterator.
        unsafe { (library.iter_get_error)(self.iterator, &raw mut failure) };
        self.database.check(failure)?;
        packed[0] = 1;
        Ok(packed)
    }
}

impl Drop for Cursor<'_> {
    fn drop(&mut self) {
        // SAFETY: each is freed once, the iterator before the options that it refers to.
        unsafe {
            (self.database.library.iter_destroy)(self.iterator);
            (self.database.library.readoptions_destroy)(self.options);
        }
    }
}
