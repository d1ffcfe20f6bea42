//! Several digests of one stream of bytes, in one pass over them. See the TypeScript port `Compute`.

pub use crate::md5::Expected;
use crate::md5::{update_together, Md5};
use crc_fast::{checksum_combine, CrcAlgorithm, Digest as CrcDigest};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use xxhash_rust::{xxh3::Xxh3, xxh64::Xxh64};

/// Which digests to make, one bit each. The order of the bits is the order of the digests in the output.
pub const MD5: u32 = 1;
pub const SHA1: u32 = 1 << 1;
pub const SHA256: u32 = 1 << 2;
pub const CRC32: u32 = 1 << 3;
pub const CRC32C: u32 = 1 << 4;
pub const CRC64NVME: u32 = 1 << 5;
pub const SHA512: u32 = 1 << 6;
pub const XXHASH64: u32 = 1 << 7;
pub const XXHASH3: u32 = 1 << 8;
pub const XXHASH128: u32 = 1 << 9;

/// With more than one digest each slice of this many bytes goes through all of them while it is in the first-level cache.
const SLICE_BYTES: usize = 16 * 1024;

/// The state of the digests that were asked for.
#[derive(Clone)]
pub struct Hasher {
    md5: Option<Md5>,
    sha1: Option<Sha1>,
    sha256: Option<Sha256>,
    crc32: Option<CrcDigest>,
    crc32c: Option<CrcDigest>,
    crc64nvme: Option<CrcDigest>,
    sha512: Option<Sha512>,
    xxhash64: Option<Xxh64>,
    /// XXH3 with 64 and with 128 bits have the same state.
    xxhash3: Option<Box<Xxh3>>,
    algorithms: u32,
}

impl Hasher {
    #[must_use]
    pub fn new(algorithms: u32) -> Self {
        let crc = |bit, algorithm| (algorithms & bit != 0).then(|| CrcDigest::new(algorithm));
        Self {
            md5: (algorithms & MD5 != 0).then(Md5::new),
            sha1: (algorithms & SHA1 != 0).then(Sha1::new),
            sha256: (algorithms & SHA256 != 0).then(Sha256::new),
            crc32: crc(CRC32, CrcAlgorithm::Crc32IsoHdlc),
            crc32c: crc(CRC32C, CrcAlgorithm::Crc32Iscsi),
            crc64nvme: crc(CRC64NVME, CrcAlgorithm::Crc64Nvme),
            sha512: (algorithms & SHA512 != 0).then(Sha512::new),
            xxhash64: (algorithms & XXHASH64 != 0).then(|| Xxh64::new(0)),
            xxhash3: (algorithms & (XXHASH3 | XXHASH128) != 0).then(|| Box::new(Xxh3::new())),
            algorithms,
        }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        for slice in bytes.chunks(SLICE_BYTES) {
            if let Some(md5) = &mut self.md5 {
                md5.update(slice);
            }
            self.update_others(slice);
        }
    }

    /// As `update` of one part after the other; MD5 goes side by side with what other threads hash meanwhile. Blocks.
    pub fn update_elsewhere(&mut self, parts: &[&[u8]]) {
        for slice in parts.iter().flat_map(|part| part.chunks(SLICE_BYTES)) {
            self.update_others(slice);
        }
        if let Some(md5) = &mut self.md5 {
            update_together(md5, parts);
        }
    }

    /// All but MD5.
    fn update_others(&mut self, slice: &[u8]) {
        if let Some(sha1) = &mut self.sha1 {
            sha1.update(slice);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(slice);
        }
        for crc in [&mut self.crc32, &mut self.crc32c, &mut self.crc64nvme]
            .into_iter()
            .flatten()
        {
            crc.update(slice);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(slice);
        }
        if let Some(xxhash64) = &mut self.xxhash64 {
            xxhash64.update(slice);
        }
        if let Some(xxhash3) = &mut self.xxhash3 {
            xxhash3.update(slice);
        }
    }

    /// Appends the digests of all bytes so far to `output`, in the order of the bits, CRCs and xxHashes big endian.
    pub fn digests(&self, output: &mut Vec<u8>) {
        if let Some(md5) = &self.md5 {
            output.extend_from_slice(&md5.clone().finalize());
        }
        if let Some(sha1) = &self.sha1 {
            output.extend_from_slice(&sha1.clone().finalize());
        }
        if let Some(sha256) = &self.sha256 {
            output.extend_from_slice(&sha256.clone().finalize());
        }
        for crc in [&self.crc32, &self.crc32c].into_iter().flatten() {
            output.extend_from_slice(&crc.finalize().to_be_bytes()[4..]);
        }
        if let Some(crc) = &self.crc64nvme {
            output.extend_from_slice(&crc.finalize().to_be_bytes());
        }
        if let Some(sha512) = &self.sha512 {
            output.extend_from_slice(&sha512.clone().finalize());
        }
        if let Some(xxhash64) = &self.xxhash64 {
            output.extend_from_slice(&xxhash64.digest().to_be_bytes());
        }
        if let Some(xxhash3) = &self.xxhash3 {
            if self.algorithms & XXHASH3 != 0 {
                output.extend_from_slice(&xxhash3.digest().to_be_bytes());
            }
            if self.algorithms & XXHASH128 != 0 {
                output.extend_from_slice(&xxhash3.digest128().to_be_bytes());
            }
        }
    }
}

/// CRC of A followed by B, from the CRCs of both and the length of B in bytes. `None` for what is not one CRC.
#[must_use]
pub fn combine(algorithm: u32, crc_of_a: u64, crc_of_b: u64, length_of_b: u64) -> Option<u64> {
    let algorithm = match algorithm {
        CRC32 => CrcAlgorithm::Crc32IsoHdlc,
        CRC32C => CrcAlgorithm::Crc32Iscsi,
        CRC64NVME => CrcAlgorithm::Crc64Nvme,
        _ => return None,
    };
    Some(checksum_combine(algorithm, crc_of_a, crc_of_b, length_of_b))
}

/// CRC32C of one run of bytes.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u32 = (XXHASH128 << 1) - 1;

    fn hex(algorithms: u32, parts: &[&[u8]]) -> String {
        let mut hasher = Hasher::new(algorithms);
        for part in parts {
            hasher.update(part);
        }
        hex_of(&hasher)
    }

    fn hex_elsewhere(algorithms: u32, parts: &[&[u8]]) -> String {
        let mut hasher = Hasher::new(algorithms);
        hasher.update_elsewhere(parts);
        hex_of(&hasher)
    }

    fn hex_of(hasher: &Hasher) -> String {
        let mut output = Vec::new();
        hasher.digests(&mut output);
        output
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|digit| char::from_digit(u32::from(digit), 16).expect("a hexadecimal digit"))
            .collect()
    }

    #[test]
    fn known_answers() {
        // RFC 1321 A.5, FIPS 180 and the check values of the CRC catalogue for "123456789".
        let cases = [
            (MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"),
            (SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                SHA256,
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (CRC32, "123456789", "cbf43926"),
            (CRC32C, "123456789", "e3069283"),
            (CRC64NVME, "123456789", "ae8b14860a799888"),
            (
                SHA512,
                "abc",
                concat!(
                    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
                    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                ),
            ),
            // xxHash specification 0.2, and the XXH_ functions of its reference implementation, for no bytes.
            (XXHASH64, "", "ef46db3751d8e999"),
            (XXHASH3, "", "2d06800538d394c2"),
            (XXHASH128, "", "99aa06d3014798d86001c324468d497f"),
        ];
        for (algorithm, input, want) in cases {
            assert_eq!(hex(algorithm, &[input.as_bytes()]), want);
        }
    }

    #[test]
    fn digests_do_not_depend_on_how_the_bytes_are_cut() {
        let bytes: Vec<u8> = (0..100_000_u32)
            .map(|index| index.to_le_bytes()[index as usize % 2])
            .collect();
        let whole = hex(ALL, &[&bytes]);
        for cut in [0, 1, 63, 64, 4096, 16_384, 16_385, 99_999] {
            let (head, tail) = bytes.split_at(cut);
            assert_eq!(hex(ALL, &[head, tail]), whole);
            assert_eq!(hex_elsewhere(ALL, &[head, tail]), whole);
        }
    }

    #[test]
    fn combined_crcs_are_those_of_the_concatenation() {
        let bytes: Vec<u8> = (0..5000_u32)
            .map(|index| index.to_le_bytes()[0] ^ 0x5a)
            .collect();
        for algorithm in [CRC32, CRC32C, CRC64NVME] {
            let number = |part: &[u8]| u64::from_str_radix(&hex(algorithm, &[part]), 16).unwrap();
            for cut in [0, 1, 8, 4999, 5000] {
                let (a, b) = bytes.split_at(cut);
                let combined = combine(algorithm, number(a), number(b), b.len() as u64);
                assert_eq!(combined, Some(number(&bytes)));
            }
        }
        assert_eq!(combine(MD5, 0, 0, 0), None);
    }
}
