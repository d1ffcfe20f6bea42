//! napi surface of `terrace_core::device`. Requests have ids that the caller chooses; it keeps all arrays of a request
//! alive and unchanged until `completions` names its id (src/tiering/hot/native-device.ts is the only caller).

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

use std::path::PathBuf;
use std::sync::Arc;

use napi::bindgen_prelude::{
    AsyncTask, Env, Function, Int32Array, Result, Task, Uint32ArraySlice, Uint8ArraySlice,
};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Error, Status};
use napi_derive::napi;
use terrace_core::device::{
    errno_name, Creation, Device, DiscardKind, DriverChoice, Outcome, Refusal, RefusalKind, Source,
    BLOCK_BYTES,
};

type Notify = ThreadsafeFunction<(), (), (), Status, false>;

/// Opens or creates a device. `notify` is called when there are completions to take.
#[napi(ts_return_type = "Promise<NativeDevice>")]
pub fn open_device(
    path: String,
    bytes: f64,
    uuid: Uint8ArraySlice,
    driver: String,
    notify: Function<(), ()>,
) -> Result<AsyncTask<Open>> {
    let uuid: [u8; 16] = (&*uuid)
        .try_into()
        .map_err(|_| Error::from_reason("a uuid has 16 bytes"))?;
    let creation = Creation {
        uuid,
        bytes: bytes as u64,
    };
    opening(path, Some(creation), &driver, &notify)
}

/// Opens all of a block device or file that is there, whatever lies on it. `notify` as above.
#[napi(ts_return_type = "Promise<NativeDevice>")]
pub fn open_bare_device(
    path: String,
    driver: String,
    notify: Function<(), ()>,
) -> Result<AsyncTask<Open>> {
    opening(path, None, &driver, &notify)
}

fn opening(
    path: String,
    creation: Option<Creation>,
    driver: &str,
    notify: &Function<(), ()>,
) -> Result<AsyncTask<Open>> {
    let choice = match driver {
        "any" => DriverChoice::Any,
        "io_uring" => DriverChoice::IoUring,
        "threads" => DriverChoice::Threads,
        _ => return Err(Error::from_reason("no such driver")),
    };
    let notify = notify.build_threadsafe_function::<()>().build()?;
    Ok(AsyncTask::new(Open {
        path: path.into(),
        creation,
        choice,
        notify: Some(notify),
    }))
}

pub struct Open {
    path: PathBuf,
    /// None: as it is.
    creation: Option<Creation>,
    choice: DriverChoice,
    notify: Option<Notify>,
}

impl Task for Open {
    type Output = Device;
    type JsValue = NativeDevice;

    fn compute(&mut self) -> Result<Device> {
        let notify = self
            .notify
            .take()
            .ok_or_else(|| Error::from_reason("opened twice"))?;
        let notify = Box::new(move || {
            notify.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        match &self.creation {
            Some(creation) => Device::open(&self.path, creation, self.choice, notify),
            None => Device::open_bare(&self.path, self.choice, notify),
        }
        .map_err(|refusal| refused(&refusal))
    }

    fn resolve(&mut self, _: Env, device: Device) -> Result<NativeDevice> {
        Ok(NativeDevice {
            device: Some(Arc::new(device)),
        })
    }
}

/// An open device.
#[napi]
pub struct NativeDevice {
    device: Option<Arc<Device>>,
}

#[napi]
impl NativeDevice {
    #[napi]
    pub fn bytes(&self) -> Result<f64> {
        Ok(self.device()?.bytes() as f64)
    }

    #[napi]
    pub fn driver(&self) -> Result<&'static str> {
        Ok(self.device()?.driver_name())
    }

    #[napi]
    pub fn is_direct(&self) -> Result<bool> {
        Ok(self.device()?.is_direct)
    }

    #[napi]
    pub fn uuid(&self) -> Result<Vec<u8>> {
        Ok(self.device()?.uuid.to_vec())
    }

    /// `none`, or who gets back what is discarded: `device` or `file`.
    #[napi]
    pub fn discard_kind(&self) -> Result<&'static str> {
        Ok(match self.device()?.discard_kind {
            DiscardKind::None => "none",
            DiscardKind::Device => "device",
            DiscardKind::File => "file",
        })
    }

    /// Writes the concatenation of `parts`; `checksums` has one word a block.
    #[napi]
    pub fn write(
        &self,
        id: u32,
        offset: f64,
        parts: Vec<Uint8ArraySlice>,
        mut checksums: Uint32ArraySlice,
    ) -> Result<()> {
        let sources: Vec<Source> = parts
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| Source {
                address: part.as_ptr(),
                length: part.len(),
            })
            .collect();
        let bytes: usize = sources.iter().map(|source| source.length).sum();
        if checksums.len() != bytes.div_ceil(BLOCK_BYTES) {
            return Err(Error::from_reason("one checksum a block"));
        }
        // SAFETY: the caller keeps the arrays alive and unchanged until the request completes; the lengths agree.
        unsafe {
            self.device()?
                .write(id, offset as u64, sources, checksums.as_mut().as_mut_ptr());
        }
        Ok(())
    }

    /// Reads one block for each checksum into `target`, which has room for one block more: the blocks begin at the
    /// first aligned byte. Returns how many bytes come before it.
    #[napi]
    pub fn read(
        &self,
        id: u32,
        offset: f64,
        mut target: Uint8ArraySlice,
        checksums: Uint32ArraySlice,
    ) -> Result<u32> {
        let blocks = checksums.len();
        let (skip, aligned) = aligned_part(&mut target, blocks)?;
        // SAFETY: the caller keeps both arrays alive and leaves them alone until the request completes.
        unsafe {
            self.device()?
                .read(id, offset as u64, aligned, checksums.as_ptr(), blocks);
        }
        Ok(skip as u32)
    }

    /// As `read`, of `blocks` blocks that are compared with nothing.
    #[napi]
    pub fn read_unchecked(
        &self,
        id: u32,
        offset: f64,
        mut target: Uint8ArraySlice,
        blocks: u32,
    ) -> Result<u32> {
        let blocks = blocks as usize;
        let (skip, aligned) = aligned_part(&mut target, blocks)?;
        // SAFETY: the caller keeps the array alive and leaves it alone until the request completes.
        unsafe {
            self.device()?
                .read_unchecked(id, offset as u64, aligned, blocks);
        }
        Ok(skip as u32)
    }

    #[napi]
    pub fn flush(&self, id: u32) -> Result<()> {
        self.device()?.flush(id);
        Ok(())
    }

    /// Three numbers for each request that has completed: its id; 0, or an errno, or -1 for a corrupt block; the index of
    /// that block in the request.
    #[napi]
    pub fn completions(&self) -> Result<Int32Array> {
        let mut packed = Vec::new();
        for (id, outcome) in self.device()?.completions() {
            let (code, block) = match outcome {
                Outcome::Done => (0, 0),
                Outcome::Failed(errno) => (errno, 0),
                Outcome::Corrupt(block) => (-1, block),
            };
            packed.extend([id.cast_signed(), code, block.cast_signed()]);
        }
        Ok(Int32Array::new(packed))
    }

    /// Enlarges the usable space to at least `bytes`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn grow(&self, bytes: f64) -> Result<AsyncTask<Grow>> {
        Ok(AsyncTask::new(Grow {
            device: Arc::clone(self.device()?),
            bytes: bytes as u64,
        }))
    }

    /// Gives a range back. To be called for whole blocks that nobody reads or writes until it resolves.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn discard(&self, offset: f64, length: f64) -> Result<AsyncTask<Discard>> {
        Ok(AsyncTask::new(Discard {
            device: Arc::clone(self.device()?),
            offset: offset as u64,
            length: length as u64,
        }))
    }

    /// Ends the threads and gives up the lock. To be called when no request is under way.
    #[napi]
    pub fn close(&mut self) {
        self.device = None;
    }

    fn device(&self) -> Result<&Arc<Device>> {
        self.device
            .as_ref()
            .ok_or_else(|| Error::from_reason("the device is closed"))
    }
}

pub struct Grow {
    device: Arc<Device>,
    bytes: u64,
}

impl Task for Grow {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        self.device
            .grow(self.bytes)
            .map_err(|refusal| refused(&refusal))
    }

    fn resolve(&mut self, _: Env, (): ()) -> Result<()> {
        Ok(())
    }
}

pub struct Discard {
    device: Arc<Device>,
    offset: u64,
    length: u64,
}

impl Task for Discard {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<()> {
        self.device
            .discard(self.offset, self.length)
            .map_err(|refusal| refused(&refusal))
    }

    fn resolve(&mut self, _: Env, (): ()) -> Result<()> {
        Ok(())
    }
}

/// The name of an errno.
#[napi]
#[must_use]
pub fn name_of_errno(errno: i32) -> String {
    errno_name(errno)
}

/// The kind comes first, up to a colon, then the sentence.
fn refused(refusal: &Refusal) -> Error {
    let kind = match refusal.kind {
        RefusalKind::InUse => "in-use",
        RefusalKind::NotOurs => "not-ours",
        RefusalKind::NoSpace => "no-space",
        RefusalKind::Unsupported => "not-supported",
        RefusalKind::Io => "io",
    };
    Error::from_reason(format!("{kind}:{}", refusal.sentence))
}

/// Where the first aligned block of `target` begins, which has room for so many.
fn aligned_part(target: &mut Uint8ArraySlice, blocks: usize) -> Result<(usize, *mut u8)> {
    // SAFETY: the array is alive during this call and JavaScript does not run.
    let target = unsafe { target.as_mut() };
    let skip = target.as_ptr().align_offset(BLOCK_BYTES);
    target
        .get_mut(skip..skip + blocks * BLOCK_BYTES)
        .map(|part| (skip, part.as_mut_ptr()))
        .ok_or_else(|| Error::from_reason("the target is too short"))
}
