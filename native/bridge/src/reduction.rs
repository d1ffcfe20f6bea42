//! napi surface of `terrace_core::reduction` and `terrace_core::segment`. Each call does a whole step, on the thread that
//! asks: the event loop for what is small, a worker of the pool for the rest. Results go into arrays of the caller.

#![allow(
    clippy::needless_pass_by_value,
    reason = "what comes out of JavaScript is converted into values"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "JavaScript's numbers are f64; the TypeScript side asserts that these are integers from 0 to 2^53"
)]

use napi::bindgen_prelude::{AsyncTask, Uint32ArraySlice, Uint8Array, Uint8ArraySlice};
use napi_derive::napi;
use terrace_core::reduction::chunking::{fingerprint, Chunking, FINGERPRINT_BYTES};
use terrace_core::reduction::codec::Codec;
use terrace_core::reduction::frame::{
    open, open_label, Base, Chunk, Cipher, Compression, Head, Seal, SALT_BYTES,
};
use terrace_core::reduction::similarity::{Similarity, SUPER_FEATURES_BYTES};
use terrace_core::segment::pack::{Item, Packing};
use terrace_core::segment::shard::{rebuild, Stripe};
use terrace_core::segment::SEGMENT_ID_BYTES;

use crate::elsewhere::{elsewhere, Elsewhere};

/// What comes back in the place of a count when an argument cannot be.
const REFUSED: i32 = -1;

/// Lengths of chunks in bytes.
#[napi(object)]
pub struct NativeChunking {
    pub min: u32,
    pub average: u32,
    pub max: u32,
    /// Whether super-features are wanted too.
    pub has_super_features: bool,
}

/// Cuts `bytes` and writes the length (little endian, 4 bytes), the fingerprint (32) and, if they are wanted, the
/// super-features (24, zeros for none) of each chunk to `output`. Gives their number.
#[napi]
pub fn cut_chunks(
    chunking: NativeChunking,
    seed: Uint8ArraySlice,
    fingerprint_key: Uint8ArraySlice,
    bytes: Uint8ArraySlice,
    mut output: Uint8ArraySlice,
) -> i32 {
    // SAFETY: the array is alive during this call and JavaScript does not run.
    let output = unsafe { output.as_mut() };
    cut(&chunking, &seed, &fingerprint_key, &bytes, output).unwrap_or(REFUSED)
}

fn cut(
    chunking: &NativeChunking,
    seed: &[u8],
    fingerprint_key: &[u8],
    bytes: &[u8],
    output: &mut [u8],
) -> Option<i32> {
    let seed = u64::from_le_bytes(seed.try_into().ok()?);
    let similarity = match chunking.has_super_features {
        true => Some(Similarity::new(seed, fingerprint_key)?),
        false => None,
    };
    let features_bytes = similarity.as_ref().map_or(0, |_| SUPER_FEATURES_BYTES);
    let chunking = Chunking {
        min: chunking.min as usize,
        average: chunking.average as usize,
        max: chunking.max as usize,
        seed,
    };
    let lengths = chunking.cut(bytes)?;
    let mut rest = bytes;
    let mut entries = output.chunks_exact_mut(4 + FINGERPRINT_BYTES + features_bytes);
    for &length in &lengths {
        let (chunk, after) = rest.split_at(length);
        let (head, tail) = entries.next()?.split_at_mut(4);
        let (name, features) = tail.split_at_mut(FINGERPRINT_BYTES);
        head.copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        name.copy_from_slice(&fingerprint(fingerprint_key, chunk)?);
        if let Some(similarity) = &similarity {
            let found = similarity.super_features(chunk);
            features.copy_from_slice(&found.unwrap_or_default());
        }
        rest = after;
    }
    i32::try_from(lengths.len()).ok()
}

/// Writes the fingerprint of `bytes` to `output`; false for a key or an output of the wrong length.
#[napi]
pub fn chunk_fingerprint(
    key: Uint8ArraySlice,
    bytes: Uint8ArraySlice,
    mut output: Uint8ArraySlice,
) -> bool {
    // SAFETY: the array is alive during this call and JavaScript does not run.
    let output = unsafe { output.as_mut() };
    let found = fingerprint(&key, &bytes).filter(|found| found.len() == output.len());
    found.is_some_and(|found| {
        output.copy_from_slice(&found);
        true
    })
}

/// Numbers of `Packing`.
#[napi(object)]
pub struct NativePacking {
    pub data: u32,
    pub parity: u32,
    pub image_bytes_max: u32,
    pub generation: f64,
    pub codec: u8,
    pub level: i32,
    pub cipher: u8,
    pub key_id: f64,
}

/// For each item: 1 for a frame, else 0; the fingerprint, the salts and the fingerprint of the base.
const RECORD_BYTES: usize = 1 + FINGERPRINT_BYTES + 2 * SALT_BYTES + FINGERPRINT_BYTES;

/// Packs items into the shards of one segment, in `output`. Each item has a record and three of `parts`: its bytes, its
/// label and its base. Writes where each item is in the image to `placed`: start, length, length of the head, codec. Then,
/// behind the last of them, the length of a shard. Gives the number of items that were taken.
#[napi]
pub fn pack_segment(
    packing: NativePacking,
    id: Uint8ArraySlice,
    secret: Uint8ArraySlice,
    records: Uint8ArraySlice,
    parts: Vec<Uint8ArraySlice>,
    mut output: Uint8ArraySlice,
    mut placed: Uint32ArraySlice,
) -> i32 {
    let parts: Vec<&[u8]> = parts.iter().map(AsRef::as_ref).collect();
    // SAFETY: the arrays are alive during this call and JavaScript does not run.
    let (output, placed) = unsafe { (output.as_mut(), placed.as_mut()) };
    let packing = packing_of(&packing, &id, &secret);
    packing
        .and_then(|packing| pack(&packing, &records, &parts, output, placed))
        .unwrap_or(REFUSED)
}

fn packing_of<'a>(packing: &NativePacking, id: &[u8], secret: &'a [u8]) -> Option<Packing<'a>> {
    let id: [u8; SEGMENT_ID_BYTES] = id.try_into().ok()?;
    Some(Packing {
        data: packing.data as usize,
        parity: packing.parity as usize,
        image_bytes_max: packing.image_bytes_max as usize,
        id,
        generation: packing.generation as u64,
        compression: Compression {
            codec: Codec::of(packing.codec)?,
            level: packing.level,
        },
        seal: Seal {
            cipher: Cipher::of(packing.cipher)?,
            secret,
            key_id: packing.key_id as u64,
        },
    })
}

fn pack(
    packing: &Packing,
    records: &[u8],
    parts: &[&[u8]],
    output: &mut [u8],
    placed: &mut [u32],
) -> Option<i32> {
    let items = items_of(records, parts)?;
    let packed = packing.pack(&items, output)?;
    let numbers = packed
        .placed
        .iter()
        .flat_map(|it| [it.start, it.bytes, it.head_bytes, it.codec as usize]);
    let numbers = numbers.chain([packed.shard_bytes]);
    let count = packed.placed.len();
    if placed.len() < 4 * count + 1 {
        return None;
    }
    for (target, number) in placed.iter_mut().zip(numbers) {
        *target = u32::try_from(number).ok()?;
    }
    i32::try_from(count).ok()
}

fn items_of<'a>(records: &'a [u8], parts: &[&'a [u8]]) -> Option<Vec<Item<'a>>> {
    let (records, rest) = records.as_chunks::<RECORD_BYTES>();
    let (parts, others) = parts.as_chunks::<3>();
    if !rest.is_empty() || !others.is_empty() || records.len() != parts.len() {
        return None;
    }
    let items = records.iter().zip(parts);
    items
        .map(|(record, parts)| item_of(record, parts))
        .collect()
}

fn item_of<'a>(record: &'a [u8; RECORD_BYTES], parts: &[&'a [u8]; 3]) -> Option<Item<'a>> {
    let [bytes, label, base] = *parts;
    if record[0] == 1 {
        return Some(Item::Frame(bytes));
    }
    let (fingerprint, rest) = record[1..].split_first_chunk()?;
    let (salts, rest) = rest.split_first_chunk()?;
    let base = Base {
        plain: base,
        fingerprint: rest.try_into().ok()?,
    };
    Some(Item::Chunk(Chunk {
        plain: bytes,
        fingerprint,
        salts,
        label,
        base: (!base.plain.is_empty()).then_some(base),
    }))
}

/// Decodes a whole frame into `plain`; false when it is not what was written with this secret.
#[napi]
pub fn open_frame(
    secret: Uint8ArraySlice,
    base: Uint8ArraySlice,
    frame: Uint8ArraySlice,
    mut plain: Uint8ArraySlice,
) -> bool {
    // SAFETY: the array is alive during this call and JavaScript does not run.
    open(&secret, &base, &frame, unsafe { plain.as_mut() })
}

/// The same on another thread. The caller touches none of the arrays until it resolves.
#[napi(ts_return_type = "Promise<boolean>")]
pub fn open_frame_elsewhere(
    secret: Uint8Array,
    base: Uint8Array,
    frame: Uint8Array,
    mut plain: Uint8Array,
) -> AsyncTask<Elsewhere> {
    elsewhere(move || {
        // SAFETY: JavaScript made the array for this call and keeps its hands off it until the promise resolves.
        let target = unsafe { plain.as_mut() };
        open(&secret, &base, &frame, target)
    })
}

/// Writes the label of the frame that begins with `head` to `output`. Gives its length.
#[napi]
pub fn open_frame_label(
    secret: Uint8ArraySlice,
    head: Uint8ArraySlice,
    mut output: Uint8ArraySlice,
) -> i32 {
    // SAFETY: the array is alive during this call and JavaScript does not run.
    let output = unsafe { output.as_mut() };
    let label = Head::parse(&head).and_then(|head| open_label(&secret, &head));
    let Some(label) = label.filter(|label| label.len() <= output.len()) else {
        return REFUSED;
    };
    output[..label.len()].copy_from_slice(&label);
    i32::try_from(label.len()).unwrap_or(REFUSED)
}

/// Decodes blocks of the shards `wanted`, from block `first` on, out of the same blocks of others of the stripe that `header`
/// describes; false when anything differs from its checksums.
#[napi]
pub fn recover_blocks(
    header: Uint8ArraySlice,
    first: u32,
    present: Uint8ArraySlice,
    sources: Vec<Uint8ArraySlice>,
    wanted: Uint8ArraySlice,
    mut targets: Vec<Uint8ArraySlice>,
) -> bool {
    let Some((stripe, _)) = Stripe::parse(&header) else {
        return false;
    };
    let sources = sources.iter().map(AsRef::as_ref);
    let present: Vec<(usize, &[u8])> = indexes(&present).into_iter().zip(sources).collect();
    // SAFETY: the arrays are alive during this call and JavaScript does not run; its side makes them for this call.
    let mut targets: Vec<&mut [u8]> = targets
        .iter_mut()
        .map(|it| unsafe { it.as_mut() })
        .collect();
    stripe.recover(first as usize, &present, &indexes(&wanted), &mut targets)
}

/// Makes whole shards `wanted`, with their headers, of whole others; false when these are not of one stripe and intact.
#[napi]
pub fn rebuild_shards(
    present: Vec<Uint8ArraySlice>,
    wanted: Uint8ArraySlice,
    mut targets: Vec<Uint8ArraySlice>,
) -> bool {
    let present: Vec<&[u8]> = present.iter().map(AsRef::as_ref).collect();
    // SAFETY: the arrays are alive during this call and JavaScript does not run; its side makes them for this call.
    let mut targets: Vec<&mut [u8]> = targets
        .iter_mut()
        .map(|it| unsafe { it.as_mut() })
        .collect();
    rebuild(&present, &indexes(&wanted), &mut targets)
}

/// Writes the numbers of the blocks of shard `index`, from block `first` on, that differ from the checksums in `header` to
/// `output`. Gives how many there are.
#[napi]
pub fn damaged_blocks(
    header: Uint8ArraySlice,
    index: u32,
    first: u32,
    bytes: Uint8ArraySlice,
    mut output: Uint32ArraySlice,
) -> i32 {
    // SAFETY: the array is alive during this call and JavaScript does not run.
    let output = unsafe { output.as_mut() };
    let damaged = Stripe::parse(&header)
        .and_then(|(stripe, _)| stripe.damaged(index as usize, first as usize, &bytes))
        .filter(|damaged| damaged.len() <= output.len());
    let Some(damaged) = damaged else {
        return REFUSED;
    };
    for (target, &number) in output.iter_mut().zip(&damaged) {
        *target = u32::try_from(number).unwrap_or(u32::MAX);
    }
    i32::try_from(damaged.len()).unwrap_or(REFUSED)
}

fn indexes(bytes: &[u8]) -> Vec<usize> {
    bytes.iter().map(|&index| usize::from(index)).collect()
}
