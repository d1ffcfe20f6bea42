//! napi surface of `terrace_core::kv`.
#![cfg_attr(
    test,
    allow(dead_code, reason = "napi registers nothing in test builds")
)]

use std::sync::Arc;

use napi::bindgen_prelude::{AsyncTask, Buffer, BufferSlice, FnArgs};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Error, Result, Status, Task};
use napi_derive::napi;
use terrace_core::kv::{Committer, Database, Group, PageRequest, Reach, Settings};

/// Called with the number of batches written, in the order of `write`, and what went wrong.
type Written = FnArgs<(u32, Option<String>)>;
type WrittenCallback = ThreadsafeFunction<Written, (), Written, Status, false>;

/// From here on handing the memory over is cheaper than copying it.
const COPIED_BYTES_MAX: usize = 16 * 1024;

#[napi(object)]
pub struct KvSettings {
    pub directory: String,
    pub library: Option<String>,
    pub block_cache_bytes: u32,
    pub memtable_bytes: u32,
    pub open_files_max: i32,
}

#[napi]
pub struct KvDatabase {
    database: Arc<Database>,
    committer: Arc<Committer>,
}

#[napi(object)]
#[derive(Clone, Copy)]
pub struct KvPageOptions {
    pub reverse: bool,
    pub entries_max: u32,
    pub bytes_max: u32,
}

pub struct Open {
    settings: Settings,
    written: Option<WrittenCallback>,
}

#[napi]
pub fn kv_open(settings: KvSettings, written: WrittenCallback) -> AsyncTask<Open> {
    let settings = Settings {
        directory: settings.directory,
        library: settings.library,
        block_cache_bytes: settings.block_cache_bytes as usize,
        memtable_bytes: settings.memtable_bytes as usize,
        open_files_max: settings.open_files_max,
    };
    AsyncTask::new(Open {
        settings,
        written: Some(written),
    })
}

impl Task for Open {
    type Output = KvDatabase;
    type JsValue = KvDatabase;

    fn compute(&mut self) -> Result<Self::Output> {
        let database = Arc::new(Database::open(&self.settings).map_err(reason)?);
        let written = self.written.take().ok_or_else(|| reason("opened twice"))?;
        let done = move |group: Group| {
            written.call(
                (group.count, group.failure).into(),
                ThreadsafeFunctionCallMode::NonBlocking,
            );
        };
        let committer = Arc::new(Committer::start(Arc::clone(&database), done));
        Ok(KvDatabase {
            database,
            committer,
        })
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> Result<Self::JsValue> {
        Ok(output)
    }
}

#[napi]
impl KvDatabase {
    /// `null` when the answer would need the disk.
    #[napi]
    pub fn get_many<'env>(
        &self,
        env: &'env Env,
        packed: &[u8],
    ) -> Result<Option<BufferSlice<'env>>> {
        let read = self
            .database
            .get_many(packed, Reach::Memory)
            .map_err(reason)?;
        read.map(|values| buffer(env, values)).transpose()
    }

    #[napi]
    pub fn get_many_from_disk(&self, packed: &[u8]) -> AsyncTask<GetMany> {
        AsyncTask::new(GetMany {
            database: Arc::clone(&self.database),
            packed: packed.to_vec(),
        })
    }

    /// `null` when the answer would need the disk.
    #[napi]
    pub fn page<'env>(
        &self,
        env: &'env Env,
        start: &[u8],
        end: &[u8],
        options: KvPageOptions,
    ) -> Result<Option<BufferSlice<'env>>> {
        let request = page_request(start, end, &options);
        let read = self
            .database
            .page(&request, Reach::Memory)
            .map_err(reason)?;
        read.map(|page| buffer(env, page)).transpose()
    }

    #[napi]
    pub fn page_from_disk(
        &self,
        start: &[u8],
        end: &[u8],
        options: KvPageOptions,
    ) -> AsyncTask<GetPage> {
        AsyncTask::new(GetPage {
            database: Arc::clone(&self.database),
            start: start.to_vec(),
            end: end.to_vec(),
            options,
        })
    }

    /// The callback given at opening tells when it is written.
    #[napi]
    pub fn write(&self, packed: &[u8], durable: bool) -> Result<()> {
        self.committer
            .submit(packed.to_vec(), durable)
            .map_err(reason)
    }

    /// Resolves when everything is written and the directory is free.
    #[napi]
    pub fn close(&self) -> AsyncTask<Close> {
        AsyncTask::new(Close {
            database: Arc::clone(&self.database),
            committer: Arc::clone(&self.committer),
        })
    }
}

pub struct GetMany {
    database: Arc<Database>,
    packed: Vec<u8>,
}

impl Task for GetMany {
    type Output = Vec<u8>;
    type JsValue = Buffer;

    fn compute(&mut self) -> Result<Self::Output> {
        complete(self.database.get_many(&self.packed, Reach::Disk))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> Result<Self::JsValue> {
        Ok(output.into())
    }
}

pub struct GetPage {
    database: Arc<Database>,
    start: Vec<u8>,
    end: Vec<u8>,
    options: KvPageOptions,
}

impl Task for GetPage {
    type Output = Vec<u8>;
    type JsValue = Buffer;

    fn compute(&mut self) -> Result<Self::Output> {
        let request = page_request(&self.start, &self.end, &self.options);
        complete(self.database.page(&request, Reach::Disk))
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> Result<Self::JsValue> {
        Ok(output.into())
    }
}

pub struct Close {
    database: Arc<Database>,
    committer: Arc<Committer>,
}

impl Task for Close {
    type Output = ();
    type JsValue = ();

    fn compute(&mut self) -> Result<Self::Output> {
        self.committer.close();
        self.database.close();
        Ok(())
    }

    fn resolve(&mut self, _env: Env, _output: Self::Output) -> Result<Self::JsValue> {
        Ok(())
    }
}

fn page_request<'a>(start: &'a [u8], end: &'a [u8], options: &KvPageOptions) -> PageRequest<'a> {
    PageRequest {
        start,
        end,
        reverse: options.reverse,
        entries_max: options.entries_max as usize,
        bytes_max: options.bytes_max as usize,
    }
}

fn buffer(env: &Env, bytes: Vec<u8>) -> Result<BufferSlice<'_>> {
    if bytes.len() <= COPIED_BYTES_MAX {
        BufferSlice::copy_from(env, bytes)
    } else {
        BufferSlice::from_data(env, bytes)
    }
}

fn complete(read: std::result::Result<Option<Vec<u8>>, impl ToString>) -> Result<Vec<u8>> {
    read.map_err(reason)?
        .ok_or_else(|| reason("a read of the disk was incomplete"))
}

#[expect(clippy::needless_pass_by_value, reason = "takes what map_err gives")]
fn reason(cause: impl ToString) -> Error {
    Error::from_reason(cause.to_string())
}
