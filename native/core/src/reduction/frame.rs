//! Frames: one chunk each, compressed and sealed, with a head that says all about it. See docs/formats.md.

use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM, CHACHA20_POLY1305, NONCE_LEN};
use ring::hmac;

use super::chunking::FINGERPRINT_BYTES;
use super::codec::{compress, compress_delta, decompress, Codec};
use crate::digest::crc32c;

pub const SALT_BYTES: usize = 16;
pub const SECRET_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
const MAGIC: [u8; 4] = *b"TFRM";
const VERSION: u8 = 1;
/// Head without the base of a delta, the label and the checksum.
const FIXED_BYTES: usize = 80;
const CHECKSUM_BYTES: usize = 4;
/// Nothing larger is made or decoded, so that no frame asks for more memory.
pub const CHUNK_BYTES_MAX: usize = 16 << 20;
pub const LABEL_BYTES_MAX: usize = 32_768;

/// Say what the derived keys are for; part of the format.
const PAYLOAD_KEY: &[u8] = b"terrace frame payload v1";
const LABEL_KEY: &[u8] = b"terrace frame label v1";

/// Numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cipher {
    None = 0,
    Aes256Gcm = 1,
    ChaCha20Poly1305 = 2,
}

impl Cipher {
    #[must_use]
    pub fn of(number: u8) -> Option<Self> {
        [Self::None, Self::Aes256Gcm, Self::ChaCha20Poly1305]
            .into_iter()
            .find(|cipher| *cipher as u8 == number)
    }

    /// A key that is used once: HKDF-Expand (RFC 5869 section 2.3), one block, since the secret is uniform.
    fn key(self, secret: &[u8], purpose: &[u8], salt: &[u8]) -> Option<LessSafeKey> {
        let algorithm = match self {
            Self::None => return None,
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 => &CHACHA20_POLY1305,
        };
        if secret.len() != SECRET_BYTES {
            return None;
        }
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
        context.update(purpose);
        context.update(salt);
        context.update(&[1]);
        let key = UnboundKey::new(algorithm, context.sign().as_ref()).ok()?;
        Some(LessSafeKey::new(key))
    }
}

/// What the frames of one call are sealed with.
#[derive(Clone, Copy)]
pub struct Seal<'a> {
    pub cipher: Cipher,
    /// `SECRET_BYTES`, nothing for `Cipher::None`.
    pub secret: &'a [u8],
    /// Says which secret it was; opaque.
    pub key_id: u64,
}

/// One chunk that becomes a frame.
#[derive(Clone, Copy)]
pub struct Chunk<'a> {
    pub plain: &'a [u8],
    pub fingerprint: &'a [u8; FINGERPRINT_BYTES],
    /// Fresh random bytes: for the payload, then for the label.
    pub salts: &'a [u8; 2 * SALT_BYTES],
    pub label: &'a [u8],
    pub base: Option<Base<'a>>,
}

/// The chunk that a delta is taken from.
#[derive(Clone, Copy)]
pub struct Base<'a> {
    pub plain: &'a [u8],
    pub fingerprint: &'a [u8; FINGERPRINT_BYTES],
}

/// What the head of a frame says; its checksum was right.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub codec: Codec,
    pub cipher: Cipher,
    pub plain_bytes: usize,
    pub stored_bytes: usize,
    pub payload_checksum: u32,
    pub key_id: u64,
    salt: &'a [u8],
    pub fingerprint: &'a [u8],
    /// Fingerprint of the chunk that this one is a delta of; nothing for others.
    pub base: &'a [u8],
    /// As it is stored.
    pub label: &'a [u8],
    /// With the checksum.
    pub bytes: usize,
}

impl<'a> Head<'a> {
    /// The head at the start of `bytes`; `None` for anything else.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = bytes.split_at_checked(FIXED_BYTES)?;
        if fixed[..4] != MAGIC || fixed[4] != VERSION {
            return None;
        }
        let codec = Codec::of(fixed[5])?;
        let base_bytes = if codec == Codec::ZstdDelta {
            FINGERPRINT_BYTES
        } else {
            0
        };
        let (base, rest) = rest.split_at_checked(base_bytes)?;
        let label_bytes = usize::from(u16::from_le_bytes([fixed[16], fixed[17]]));
        let (label, rest) = rest.split_at_checked(label_bytes)?;
        let (checksum, _) = rest.split_first_chunk::<CHECKSUM_BYTES>()?;
        let length = FIXED_BYTES + base_bytes + label_bytes;
        if crc32c(&bytes[..length]) != u32::from_le_bytes(*checksum) {
            return None;
        }
        let head = Self {
            codec,
            cipher: Cipher::of(fixed[6])?,
            plain_bytes: number(fixed, 8) as usize,
            stored_bytes: number(fixed, 12) as usize,
            payload_checksum: number(fixed, 20),
            key_id: u64::from(number(fixed, 24)) | u64::from(number(fixed, 28)) << 32,
            salt: &fixed[32..48],
            fingerprint: &fixed[48..80],
            base,
            label,
            bytes: length + CHECKSUM_BYTES,
        };
        (head.plain_bytes <= CHUNK_BYTES_MAX && head.stored_bytes <= CHUNK_BYTES_MAX + TAG_BYTES)
            .then_some(head)
    }

    /// Of the whole frame.
    #[must_use]
    pub fn frame_bytes(&self) -> usize {
        self.bytes + self.stored_bytes
    }

    /// What is authenticated with the payload: all that decides about its meaning.
    fn context(&self) -> Vec<u8> {
        let mut context = vec![VERSION, self.codec as u8, self.cipher as u8];
        context.extend_from_slice(&length_of(self.plain_bytes));
        context.extend_from_slice(self.fingerprint);
        context.extend_from_slice(self.base);
        context
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn length_of(bytes: usize) -> [u8; 4] {
    u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes()
}

/// A key is derived for one message, so that its nonce may be zero.
fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

/// How much compression is tried; `level` matters to Zstandard only.
#[derive(Clone, Copy, Debug)]
pub struct Compression {
    /// Of chunks without a base, and of those that gain too little from theirs.
    pub codec: Codec,
    pub level: i32,
}

/// Appends the frame of `chunk` to `output`; false when something has the wrong length.
#[must_use]
pub fn write(chunk: &Chunk, compression: Compression, seal: &Seal, output: &mut Vec<u8>) -> bool {
    if chunk.plain.len() > CHUNK_BYTES_MAX || chunk.label.len() > LABEL_BYTES_MAX {
        return false;
    }
    let Compressed {
        codec,
        base,
        payload: mut stored,
    } = compressed(chunk, compression);
    let (salt, label_salt) = chunk.salts.split_at(SALT_BYTES);
    let mut head = Head {
        codec,
        cipher: seal.cipher,
        plain_bytes: chunk.plain.len(),
        stored_bytes: 0,
        payload_checksum: 0,
        key_id: seal.key_id,
        salt,
        fingerprint: chunk.fingerprint,
        base,
        label: &[],
        bytes: 0,
    };
    let mut label = chunk.label.to_vec();
    if seal.cipher != Cipher::None {
        let Some(sealed) = sealed(seal, &head, &mut stored, &mut label, label_salt) else {
            return false;
        };
        label = sealed;
    }
    head.stored_bytes = stored.len();
    head.payload_checksum = crc32c(&stored);
    head.label = &label;
    append_head(&head, output);
    output.extend_from_slice(&stored);
    true
}

/// What stands for the content of a chunk before it is sealed.
struct Compressed<'a> {
    codec: Codec,
    /// Fingerprint of the base of a delta; nothing for others.
    base: &'a [u8],
    payload: Vec<u8>,
}

fn compressed<'a>(chunk: &Chunk<'a>, compression: Compression) -> Compressed<'a> {
    let Compression { codec, level } = compression;
    if let Some(base) = chunk.base {
        if let Some(payload) = compress_delta(level, base.plain, chunk.plain) {
            return Compressed {
                codec: Codec::ZstdDelta,
                base: base.fingerprint,
                payload,
            };
        }
    }
    let compressed = compress(codec, level, chunk.plain);
    Compressed {
        codec: if compressed.is_some() {
            codec
        } else {
            Codec::Plain
        },
        base: &[],
        payload: compressed.unwrap_or_else(|| chunk.plain.to_vec()),
    }
}

/// Seals `payload` in its place, and gives the label as it is stored: `salt | ciphertext | tag`.
fn sealed(
    seal: &Seal,
    head: &Head,
    payload: &mut Vec<u8>,
    label: &mut Vec<u8>,
    label_salt: &[u8],
) -> Option<Vec<u8>> {
    let key = seal.cipher.key(seal.secret, PAYLOAD_KEY, head.salt)?;
    key.seal_in_place_append_tag(nonce(), Aad::from(head.context()), payload)
        .ok()?;
    let key = seal.cipher.key(seal.secret, LABEL_KEY, label_salt)?;
    key.seal_in_place_append_tag(nonce(), Aad::from(head.fingerprint), label)
        .ok()?;
    Some([label_salt, label].concat())
}

fn append_head(head: &Head, output: &mut Vec<u8>) {
    let start = output.len();
    output.extend_from_slice(&MAGIC);
    output.extend_from_slice(&[VERSION, head.codec as u8, head.cipher as u8, 0]);
    output.extend_from_slice(&length_of(head.plain_bytes));
    output.extend_from_slice(&length_of(head.stored_bytes));
    // At most LABEL_BYTES_MAX with salt and tag, so that 32 bits are cut to 16 without loss.
    output.extend_from_slice(&length_of(head.label.len()));
    output.extend_from_slice(&head.payload_checksum.to_le_bytes());
    output.extend_from_slice(&head.key_id.to_le_bytes());
    output.extend_from_slice(head.salt);
    output.extend_from_slice(head.fingerprint);
    output.extend_from_slice(head.base);
    output.extend_from_slice(head.label);
    let checksum = crc32c(&output[start..]);
    output.extend_from_slice(&checksum.to_le_bytes());
}

/// Whether `bytes` are one whole frame, undamaged: as far as can be told without its key.
#[must_use]
pub fn is_intact(bytes: &[u8]) -> bool {
    Head::parse(bytes).is_some_and(|head| payload(&head, bytes).is_some())
}

fn payload<'a>(head: &Head, frame: &'a [u8]) -> Option<&'a [u8]> {
    let payload = &frame[head.bytes..];
    let is_intact = payload.len() == head.stored_bytes && crc32c(payload) == head.payload_checksum;
    is_intact.then_some(payload)
}

/// Decodes one whole frame into `plain`, which has the length that its head says; false when it is not what was written
/// with this secret. `base` is the chunk that a delta needs.
#[must_use]
pub fn open(secret: &[u8], base: &[u8], frame: &[u8], plain: &mut [u8]) -> bool {
    let Some(head) = Head::parse(frame) else {
        return false;
    };
    let Some(payload) = payload(&head, frame) else {
        return false;
    };
    if head.plain_bytes != plain.len() {
        return false;
    }
    if head.cipher == Cipher::None {
        return decompress(head.codec, base, payload, plain);
    }
    let Some(key) = head.cipher.key(secret, PAYLOAD_KEY, head.salt) else {
        return false;
    };
    let mut opened = payload.to_vec();
    match key.open_in_place(nonce(), Aad::from(head.context()), &mut opened) {
        Ok(stored) => decompress(head.codec, base, stored, plain),
        Err(_) => false,
    }
}

/// The label of a frame; `None` when it is not what was sealed with this secret.
#[must_use]
pub fn open_label(secret: &[u8], head: &Head) -> Option<Vec<u8>> {
    if head.cipher == Cipher::None {
        return Some(head.label.to_vec());
    }
    let (salt, sealed) = head.label.split_at_checked(SALT_BYTES)?;
    let key = head.cipher.key(secret, LABEL_KEY, salt)?;
    let mut opened = sealed.to_vec();
    let label = key
        .open_in_place(nonce(), Aad::from(head.fingerprint), &mut opened)
        .ok()?;
    Some(label.to_vec())
}
