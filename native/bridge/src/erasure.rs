//! napi surface of `terrace_core::erasure`. Results go into arrays of the caller, one for each shard that is wanted.

#![allow(
    clippy::needless_pass_by_value,
    reason = "what comes out of JavaScript is converted into values"
)]

use napi::bindgen_prelude::{AsyncTask, Uint8Array, Uint8ArraySlice};
use napi_derive::napi;
use terrace_core::erasure::Code;

use crate::elsewhere::{elsewhere, Elsewhere};

/// How many shards have data and how many parity.
#[napi(object)]
#[derive(Clone, Copy)]
pub struct NativeShape {
    pub data: u32,
    pub parity: u32,
}

impl NativeShape {
    fn code(self) -> Option<Code> {
        Code::new(self.data as usize, self.parity as usize)
    }
}

/// Computes the shards `wanted` from the shards `present`, whose bytes are `sources`; false when they do not determine them.
#[napi]
pub fn erasure_decode(
    shape: NativeShape,
    present: Uint8ArraySlice,
    sources: Vec<Uint8ArraySlice>,
    wanted: Uint8ArraySlice,
    mut targets: Vec<Uint8ArraySlice>,
) -> bool {
    let sources: Vec<&[u8]> = sources.iter().map(AsRef::as_ref).collect();
    let targets = targets.iter_mut();
    // SAFETY: the arrays are alive during this call and JavaScript does not run; its side makes the targets for this call.
    let mut targets: Vec<&mut [u8]> = targets.map(|target| unsafe { target.as_mut() }).collect();
    decode(shape, &present, &sources, &wanted, &mut targets)
}

/// The same on another thread. The caller touches none of the arrays until it resolves.
#[napi(ts_return_type = "Promise<boolean>")]
pub fn erasure_decode_elsewhere(
    shape: NativeShape,
    present: Uint8Array,
    sources: Vec<Uint8Array>,
    wanted: Uint8Array,
    mut targets: Vec<Uint8Array>,
) -> AsyncTask<Elsewhere> {
    elsewhere(move || {
        let sources: Vec<&[u8]> = sources.iter().map(AsRef::as_ref).collect();
        let targets = targets.iter_mut();
        // SAFETY: JavaScript made the targets for this call and keeps its hands off them until the promise resolves.
        let mut targets: Vec<&mut [u8]> =
            targets.map(|target| unsafe { target.as_mut() }).collect();
        decode(shape, &present, &sources, &wanted, &mut targets)
    })
}

/// Whether the parity among all shards is that of the data.
#[napi]
pub fn erasure_verify(shape: NativeShape, shards: Vec<Uint8ArraySlice>) -> bool {
    let shards: Vec<&[u8]> = shards.iter().map(AsRef::as_ref).collect();
    shape.code().is_some_and(|code| code.verify(&shards))
}

/// The same on another thread. The caller touches none of the arrays until it resolves.
#[napi(ts_return_type = "Promise<boolean>")]
pub fn erasure_verify_elsewhere(
    shape: NativeShape,
    shards: Vec<Uint8Array>,
) -> AsyncTask<Elsewhere> {
    elsewhere(move || {
        let shards: Vec<&[u8]> = shards.iter().map(AsRef::as_ref).collect();
        shape.code().is_some_and(|code| code.verify(&shards))
    })
}

fn decode(
    shape: NativeShape,
    present: &[u8],
    sources: &[&[u8]],
    wanted: &[u8],
    targets: &mut [&mut [u8]],
) -> bool {
    if present.len() != sources.len() {
        return false;
    }
    let present = present.iter().map(|&index| usize::from(index));
    let present: Vec<(usize, &[u8])> = present.zip(sources.iter().copied()).collect();
    let wanted: Vec<usize> = wanted.iter().map(|&index| usize::from(index)).collect();
    let code = shape.code();
    code.is_some_and(|code| code.decode(&present, &wanted, targets))
}
