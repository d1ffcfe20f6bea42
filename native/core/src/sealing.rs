//! Authenticated encryption of bytes in frames that open one by one. See the TypeScript port `Cipher` for the format.

use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_256_GCM, NONCE_LEN};
use ring::hmac;

pub const KEY_BYTES: usize = 32;
pub const SALT_BYTES: usize = 16;
pub const TAG_BYTES: usize = 16;
/// Plain bytes of every frame but the last one, which has fewer or as many.
pub const FRAME_BYTES: usize = 65_536;
const SEALED_FRAME_BYTES: usize = SALT_BYTES + FRAME_BYTES + TAG_BYTES;

/// Says what the derived keys are for; part of the format.
const LABEL: &[u8] = b"terrace sealed frames v1";

/// What `bytes` plain bytes become.
#[must_use]
pub const fn sealed_bytes(bytes: usize) -> usize {
    let frames = if bytes == 0 {
        1
    } else {
        bytes.div_ceil(FRAME_BYTES)
    };
    bytes + frames * (SALT_BYTES + TAG_BYTES)
}

/// How many plain bytes `sealed` bytes from the start of a frame hold; `None` for a length that nothing is sealed to.
#[must_use]
pub const fn plain_bytes(sealed: usize) -> Option<usize> {
    let frames = sealed.div_ceil(SEALED_FRAME_BYTES);
    match sealed.checked_sub(frames * (SALT_BYTES + TAG_BYTES)) {
        Some(bytes) if frames > 0 && sealed_bytes(bytes) == sealed => Some(bytes),
        _ => None,
    }
}

/// RFC 5869 section 2.3, one block: the secret is uniform already, so that nothing needs extracting.
fn derived(secret: &[u8], salt: &[u8]) -> Option<LessSafeKey> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(LABEL);
    context.update(salt);
    context.update(&[1]);
    let key = UnboundKey::new(&AES_256_GCM, context.sign().as_ref()).ok()?;
    Some(LessSafeKey::new(key))
}

/// Never twice the same under one derived key: a salt belongs to one run of frames.
fn nonce_of(frame: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - 8..].copy_from_slice(&frame.to_be_bytes());
    Nonce::assume_unique_for_key(bytes)
}

/// Seals the concatenation of `parts` into `output`; false when a length is wrong.
#[must_use]
pub fn seal(
    secret: &[u8],
    salt: &[u8],
    context: &[u8],
    parts: &[&[u8]],
    output: &mut [u8],
) -> bool {
    let bytes: usize = parts.iter().map(|part| part.len()).sum();
    if secret.len() != KEY_BYTES || salt.len() != SALT_BYTES || output.len() != sealed_bytes(bytes)
    {
        return false;
    }
    let Some(key) = derived(secret, salt) else {
        return false;
    };
    let mut rest = parts.iter().copied();
    let mut part: &[u8] = &[];
    for (number, frame) in (0u64..).zip(output.chunks_mut(SEALED_FRAME_BYTES)) {
        let (head, body) = frame.split_at_mut(SALT_BYTES);
        head.copy_from_slice(salt);
        let (text, tag) = body.split_at_mut(body.len() - TAG_BYTES);
        let mut filled = 0;
        while filled < text.len() {
            if part.is_empty() {
                part = rest.next().unwrap_or_default();
                continue;
            }
            let taken = part.len().min(text.len() - filled);
            text[filled..filled + taken].copy_from_slice(&part[..taken]);
            part = &part[taken..];
            filled += taken;
        }
        match key.seal_in_place_separate_tag(nonce_of(number), Aad::from(context), text) {
            Ok(made) => tag.copy_from_slice(made.as_ref()),
            Err(_) => return false,
        }
    }
    true
}

/// Opens whole frames of one run, the first of which has number `first`, into `output`; false when one of them is not
/// what was sealed with this key, salt, number and context.
#[must_use]
pub fn open(secret: &[u8], context: &[u8], first: u64, sealed: &[u8], output: &mut [u8]) -> bool {
    if plain_bytes(sealed.len()) != Some(output.len()) {
        return false;
    }
    // An empty run has one frame and nothing to write.
    let mut texts: Vec<&mut [u8]> = output.chunks_mut(FRAME_BYTES).collect();
    if texts.is_empty() {
        texts.push(&mut []);
    }
    open_each(secret, context, first, sealed, &mut texts)
}

/// The same with the text of each frame into an output of its own, which has its length.
#[must_use]
pub fn open_each(
    secret: &[u8],
    context: &[u8],
    first: u64,
    sealed: &[u8],
    outputs: &mut [&mut [u8]],
) -> bool {
    let frames = sealed.chunks(SEALED_FRAME_BYTES);
    if secret.len() != KEY_BYTES
        || plain_bytes(sealed.len()).is_none()
        || frames.len() != outputs.len()
    {
        return false;
    }
    let salt = &sealed[..SALT_BYTES];
    let Some(key) = derived(secret, salt) else {
        return false;
    };
    for ((number, frame), target) in (first..).zip(frames).zip(outputs) {
        let (head, body) = frame.split_at(SALT_BYTES);
        let (text, tag) = body.split_at(body.len() - TAG_BYTES);
        let Ok(tag) = tag.try_into() else {
            return false;
        };
        if head != salt || target.len() != text.len() {
            return false;
        }
        target.copy_from_slice(text);
        let opened =
            key.open_in_place_separate_tag(nonce_of(number), Aad::from(context), tag, target, 0..);
        if opened.is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: [u8; KEY_BYTES] = [7; KEY_BYTES];
    const SALT: [u8; SALT_BYTES] = [9; SALT_BYTES];

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut output = vec![0; sealed_bytes(plain.len())];
        let middle = plain.len() / 3;
        let parts = [&plain[..middle], &[], &plain[middle..]];
        assert!(seal(&SECRET, &SALT, b"context", &parts, &mut output));
        output
    }

    #[test]
    fn what_was_sealed_opens() {
        for length in [
            0,
            1,
            4096,
            FRAME_BYTES - 1,
            FRAME_BYTES,
            FRAME_BYTES + 1,
            200_000,
        ] {
            let plain: Vec<u8> = (0..=250u8).cycle().take(length).collect();
            let run = sealed(&plain);
            let mut output = vec![0; length];
            assert!(open(&SECRET, b"context", 0, &run, &mut output));
            assert_eq!(output, plain);
        }
    }

    #[test]
    fn frames_open_alone_under_their_number_only() {
        let plain = vec![3; 150_000];
        let run = sealed(&plain);
        let mut output = vec![0; 150_000 - FRAME_BYTES];
        let rest = &run[SEALED_FRAME_BYTES..];
        assert!(open(&SECRET, b"context", 1, rest, &mut output));
        assert!(!open(&SECRET, b"context", 0, rest, &mut output));
    }

    #[test]
    fn frames_open_into_places_of_their_own() {
        let plain: Vec<u8> = (0..=250u8).cycle().take(FRAME_BYTES + 5).collect();
        let run = sealed(&plain);
        let (mut one, mut other) = (vec![0; FRAME_BYTES], vec![0; 5]);
        let into = |one: &mut [u8], other: &mut [u8]| {
            open_each(&SECRET, b"context", 0, &run, &mut [one, other])
        };
        assert!(into(&mut one, &mut other));
        assert_eq!([one.as_slice(), &other].concat(), plain);
        assert!(!into(&mut one, &mut [0; 4]));
        assert!(!open_each(&SECRET, b"context", 0, &run, &mut [&mut one]));
    }

    #[test]
    fn nothing_changed_opens() {
        let run = sealed(&[1, 2, 3]);
        let mut output = [0; 3];
        for at in 0..run.len() {
            let mut changed = run.clone();
            changed[at] ^= 1;
            assert!(
                !open(&SECRET, b"context", 0, &changed, &mut output),
                "byte {at}"
            );
        }
        assert!(!open(&SECRET, b"other", 0, &run, &mut output));
        assert!(!open(&[8; KEY_BYTES], b"context", 0, &run, &mut output));
    }

    #[test]
    fn lengths_that_nothing_is_sealed_to_are_refused() {
        assert_eq!(plain_bytes(0), None);
        assert_eq!(plain_bytes(31), None);
        assert_eq!(plain_bytes(32), Some(0));
        assert_eq!(plain_bytes(SEALED_FRAME_BYTES + 32), None);
        assert_eq!(plain_bytes(SEALED_FRAME_BYTES + 33), Some(FRAME_BYTES + 1));
    }
}
