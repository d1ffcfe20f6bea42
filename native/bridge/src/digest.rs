//! napi surface of `terrace_core::digest`. Algorithms are a bit mask; output goes into an array of the caller.

#![allow(
    clippy::needless_pass_by_value,
    reason = "what comes out of JavaScript is converted into values"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "JavaScript's numbers are f64; the TypeScript side asserts that these are integers from 0 to 2^53"
)]

use std::sync::{Arc, Mutex, MutexGuard};

use napi::bindgen_prelude::{AsyncTask, Env, Result, Task, Uint8Array, Uint8ArraySlice};
use napi::Error;
use napi_derive::napi;
use terrace_core::digest::{combine, Expected, Hasher, MD5};

/// One-shot: the digests of the concatenation of `parts`.
#[napi]
pub fn digest(
    algorithms: u32,
    parts: Vec<Uint8ArraySlice>,
    mut output: Uint8ArraySlice,
) -> Result<()> {
    let mut hasher = Hasher::new(algorithms);
    for part in &parts {
        hasher.update(part);
    }
    write_digests(&hasher, &mut output)
}

/// CRC of A followed by B, big endian, into `output`.
#[napi]
pub fn combine_crcs(
    algorithm: u32,
    crc_of_a: Uint8ArraySlice,
    crc_of_b: Uint8ArraySlice,
    length_of_b: f64,
    mut output: Uint8ArraySlice,
) -> Result<()> {
    let combined = combine(
        algorithm,
        big_endian(&crc_of_a),
        big_endian(&crc_of_b),
        length_of_b as u64,
    );
    let combined = combined.ok_or_else(|| Error::from_reason("not one CRC algorithm"))?;
    // SAFETY: the array is alive during this call and JavaScript does not run.
    let target = unsafe { output.as_mut() };
    target.copy_from_slice(&combined.to_be_bytes()[8 - target.len()..]);
    Ok(())
}

/// The state of several digests of one stream.
#[napi]
pub struct NativeHasher {
    hasher: Arc<Mutex<Hasher>>,
    /// Until its digests are asked for.
    expected: Option<Expected>,
}

#[napi]
impl NativeHasher {
    #[napi(constructor)]
    #[must_use]
    pub fn new(algorithms: u32) -> Self {
        Self {
            hasher: Arc::new(Mutex::new(Hasher::new(algorithms))),
            expected: (algorithms & MD5 != 0).then(Expected::new),
        }
    }

    #[napi]
    pub fn update(&self, parts: Vec<Uint8ArraySlice>) -> Result<()> {
        let mut hasher = lock(&self.hasher)?;
        for part in &parts {
            hasher.update(part);
        }
        Ok(())
    }

    /// Hashes on another thread. The caller starts the next update when this one has resolved.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn update_elsewhere(&self, parts: Vec<Uint8Array>) -> AsyncTask<Update> {
        AsyncTask::new(Update {
            hasher: Arc::clone(&self.hasher),
            parts,
        })
    }

    #[napi]
    pub fn digests(&mut self, mut output: Uint8ArraySlice) -> Result<()> {
        self.expected = None;
        write_digests(&*lock(&self.hasher)?, &mut output)
    }
}

pub struct Update {
    hasher: Arc<Mutex<Hasher>>,
    parts: Vec<Uint8Array>,
}

impl Task for Update {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        let parts: Vec<&[u8]> = self.parts.iter().map(AsRef::as_ref).collect();
        lock(&self.hasher)?.update_elsewhere(&parts);
        Ok(())
    }

    fn resolve(&mut self, _: Env, (): ()) -> Result<()> {
        Ok(())
    }
}

fn write_digests(hasher: &Hasher, output: &mut Uint8ArraySlice) -> Result<()> {
    let mut digests = Vec::with_capacity(256);
    hasher.digests(&mut digests);
    // SAFETY: the array is alive during this call and JavaScript does not run.
    let target = unsafe { output.as_mut() };
    if target.len() != digests.len() {
        return Err(Error::from_reason(
            "the output has not the length of the digests",
        ));
    }
    target.copy_from_slice(&digests);
    Ok(())
}

fn lock(hasher: &Mutex<Hasher>) -> Result<MutexGuard<'_, Hasher>> {
    hasher
        .lock()
        .map_err(|_| Error::from_reason("an earlier update failed"))
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}
