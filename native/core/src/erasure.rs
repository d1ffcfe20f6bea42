//! Reed-Solomon codes: any `data` of `data + parity` shards give all others back, whole or any range of them.

mod galois;
mod kernels;

pub use kernels::Kernel;

use galois::{inverse, Matrix};

/// All indexes of shards are elements of the field.
pub const SHARDS_MAX: usize = 256;
/// Of a shard that is checked at a time: the parity of all of them stays in the caches.
const CHECK_BYTES: usize = 32_768;

/// Systematic code with a Cauchy matrix: row `p` of the parity has 1 / ((data + p) ⊕ d) for data shard `d`, so that every
/// square part of it is regular (Blömer et al. 1995). ISA-L's `gf_gen_cauchy1_matrix` makes the same.
#[derive(Clone, Debug)]
pub struct Code {
    data: usize,
    parity: usize,
    generator: Matrix,
}

impl Code {
    /// `None` unless there are 1 to 256 shards in all, one of them with data.
    #[must_use]
    pub fn new(data: usize, parity: usize) -> Option<Self> {
        if data == 0 || data.checked_add(parity)? > SHARDS_MAX {
            return None;
        }
        let mut generator = Matrix::zero(data + parity, data);
        for index in 0..data {
            generator.row_mut(index)[index] = 1;
        }
        for index in data..data + parity {
            for (column, cell) in generator.row_mut(index).iter_mut().enumerate() {
                *cell = inverse(u8::try_from(index ^ column).ok()?);
            }
        }
        Some(Self {
            data,
            parity,
            generator,
        })
    }

    #[must_use]
    pub fn data(&self) -> usize {
        self.data
    }

    #[must_use]
    pub fn parity(&self) -> usize {
        self.parity
    }

    /// Computes all parity shards of all data shards; false when the counts or lengths are wrong.
    #[must_use]
    pub fn encode(&self, data: &[&[u8]], parity: &mut [&mut [u8]]) -> bool {
        if data.len() != self.data || parity.len() != self.parity || !is_even(data, parity) {
            return false;
        }
        let rows: Vec<&[u8]> = (self.data..self.data + self.parity)
            .map(|index| self.generator.row(index))
            .collect();
        Kernel::best().multiply(&rows, data, parity);
        true
    }

    /// Computes the shards `wanted` of `data` others, each with its index: any range, the same one of each. False when
    /// these do not determine them.
    #[must_use]
    pub fn decode(
        &self,
        present: &[(usize, &[u8])],
        wanted: &[usize],
        targets: &mut [&mut [u8]],
    ) -> bool {
        let sources: Vec<&[u8]> = present.iter().map(|(_, bytes)| *bytes).collect();
        if wanted.len() != targets.len() || !is_even(&sources, targets) {
            return false;
        }
        let indexes: Vec<usize> = present.iter().map(|(index, _)| *index).collect();
        let Some(rows) = self.decoder(&indexes, wanted) else {
            return false;
        };
        let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
        Kernel::best().multiply(&rows, &sources, targets);
        true
    }

    /// Whether the parity among all shards, in order, is that of the data.
    #[must_use]
    pub fn verify(&self, shards: &[&[u8]]) -> bool {
        if shards.len() != self.data + self.parity || !is_even(shards, &[]) {
            return false;
        }
        let length = shards[0].len();
        let mut room = vec![0; self.parity * CHECK_BYTES.min(length)];
        (0..length).step_by(CHECK_BYTES).all(|start| {
            let end = length.min(start + CHECK_BYTES);
            let parts: Vec<&[u8]> = shards.iter().map(|shard| &shard[start..end]).collect();
            let (data, parity) = parts.split_at(self.data);
            let mut computed: Vec<&mut [u8]> =
                room.chunks_mut(end - start).take(self.parity).collect();
            self.encode(data, &mut computed)
                && parity.iter().zip(&computed).all(|(a, b)| *a == &**b)
        })
    }

    /// How each of `wanted` is made of the shards `present`; `None` unless these are `data` different ones.
    fn decoder(&self, present: &[usize], wanted: &[usize]) -> Option<Vec<Vec<u8>>> {
        let shards = self.data + self.parity;
        if present.len() != self.data || present.iter().chain(wanted).any(|&index| index >= shards)
        {
            return None;
        }
        let mut known = Matrix::zero(self.data, self.data);
        for (row, &index) in present.iter().enumerate() {
            known
                .row_mut(row)
                .copy_from_slice(self.generator.row(index));
        }
        let inverted = known.inverted()?;
        let rows = wanted.iter();
        Some(
            rows.map(|&index| inverted.times(self.generator.row(index)))
                .collect(),
        )
    }
}

/// Whether all have the same length.
fn is_even(sources: &[&[u8]], targets: &[&mut [u8]]) -> bool {
    let length = sources.first().map_or(0, |source| source.len());
    sources.iter().all(|source| source.len() == length)
        && targets.iter().all(|target| target.len() == length)
}
