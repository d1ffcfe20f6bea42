//! Memory of JavaScript's own that is given back by hand.

#![allow(
    clippy::needless_pass_by_value,
    reason = "what comes out of JavaScript is converted into values"
)]

use napi::bindgen_prelude::{Env, JsValue, Unknown};
use napi::sys;
use napi_derive::napi;

/// Detaches the buffer of each array that spans all of its own, so that its memory is free at once instead of when the
/// collector comes by. Arrays that are parts of a larger buffer stay as they are.
#[napi]
pub fn free_arrays(env: Env, arrays: Vec<Unknown>) {
    for array in &arrays {
        free(env.raw(), array.raw());
    }
}

/// What cannot be detached, for whatever reason, is left to the collector.
fn free(env: sys::napi_env, array: sys::napi_value) {
    let mut buffer = std::ptr::null_mut();
    let (mut length, mut offset, mut buffer_bytes) = (0, 0, 0);
    // SAFETY: both values are alive during this call, all outputs are locals or are not asked for; who calls has promised that
    // nobody looks at the array any more, on any thread.
    unsafe {
        let status = sys::napi_get_typedarray_info(
            env,
            array,
            std::ptr::null_mut(),
            &raw mut length,
            std::ptr::null_mut(),
            &raw mut buffer,
            &raw mut offset,
        );
        if status != sys::Status::napi_ok || offset != 0 {
            return;
        }
        let status = sys::napi_get_arraybuffer_info(
            env,
            buffer,
            std::ptr::null_mut(),
            &raw mut buffer_bytes,
        );
        if status == sys::Status::napi_ok && buffer_bytes == length {
            let _ = sys::napi_detach_arraybuffer(env, buffer);
        }
    }
}
