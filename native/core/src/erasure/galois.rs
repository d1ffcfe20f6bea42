//! Arithmetic of GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1, and matrices over it.

/// The same as in most erasure codes (Plank 1997, ISA-L, the Linux kernel's RAID 6); 2 generates the field.
const POLYNOMIAL: u16 = 0x11d;

/// Discrete exponentials, twice in a row so that the sum of two logarithms needs no reduction, and logarithms.
const TABLES: ([u8; 510], [u8; 256]) = tables();

#[allow(
    clippy::cast_possible_truncation,
    reason = "in constant evaluation, below 256"
)]
const fn tables() -> ([u8; 510], [u8; 256]) {
    let mut exponentials = [0; 510];
    let mut logarithms = [0; 256];
    let mut power: u16 = 1;
    let mut exponent = 0;
    while exponent < 255 {
        exponentials[exponent] = power as u8;
        exponentials[exponent + 255] = power as u8;
        logarithms[power as usize] = exponent as u8;
        power <<= 1;
        if power > 255 {
            power ^= POLYNOMIAL;
        }
        exponent += 1;
    }
    (exponentials, logarithms)
}

#[must_use]
pub fn product(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 {
        return 0;
    }
    let sum = usize::from(TABLES.1[usize::from(a)]) + usize::from(TABLES.1[usize::from(b)]);
    TABLES.0[sum]
}

/// Of any number but 0.
#[must_use]
pub fn inverse(a: u8) -> u8 {
    assert!(a != 0, "0 has no inverse");
    TABLES.0[255 - usize::from(TABLES.1[usize::from(a)])]
}

/// A matrix of `rows` by `columns`, row after row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    pub rows: usize,
    pub columns: usize,
    pub cells: Vec<u8>,
}

impl Matrix {
    #[must_use]
    pub fn zero(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            cells: vec![0; rows * columns],
        }
    }

    #[must_use]
    pub fn row(&self, index: usize) -> &[u8] {
        &self.cells[index * self.columns..(index + 1) * self.columns]
    }

    pub fn row_mut(&mut self, index: usize) -> &mut [u8] {
        &mut self.cells[index * self.columns..(index + 1) * self.columns]
    }

    /// One row of the product of `row` and this matrix.
    #[must_use]
    pub fn times(&self, row: &[u8]) -> Vec<u8> {
        let mut sum = vec![0; self.columns];
        for (&factor, index) in row.iter().zip(0..self.rows) {
            add_multiple(&mut sum, self.row(index), factor);
        }
        sum
    }

    /// Gauss and Jordan; `None` for a matrix that is singular or no square.
    #[must_use]
    pub fn inverted(mut self) -> Option<Self> {
        if self.rows != self.columns {
            return None;
        }
        let size = self.rows;
        let mut result = Self::zero(size, size);
        for index in 0..size {
            result.row_mut(index)[index] = 1;
        }
        for column in 0..size {
            let pivot = (column..size).find(|&row| self.row(row)[column] != 0)?;
            self.swap(column, pivot);
            result.swap(column, pivot);
            let scale = inverse(self.row(column)[column]);
            for matrix in [&mut self, &mut result] {
                for cell in matrix.row_mut(column) {
                    *cell = product(*cell, scale);
                }
            }
            for row in (0..size).filter(|&row| row != column) {
                let factor = self.row(row)[column];
                for matrix in [&mut self, &mut result] {
                    let source = matrix.row(column).to_vec();
                    add_multiple(matrix.row_mut(row), &source, factor);
                }
            }
        }
        Some(result)
    }

    fn swap(&mut self, a: usize, b: usize) {
        for column in 0..self.columns {
            self.cells
                .swap(a * self.columns + column, b * self.columns + column);
        }
    }
}

fn add_multiple(target: &mut [u8], source: &[u8], factor: u8) {
    for (target, &source) in target.iter_mut().zip(source) {
        *target ^= product(source, factor);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Multiplication by its definition: polynomials, then the remainder.
    fn naive(a: u8, b: u8) -> u8 {
        let mut sum: u16 = 0;
        for bit in 0..8 {
            if b >> bit & 1 != 0 {
                sum ^= u16::from(a) << bit;
            }
        }
        for bit in (8..16).rev() {
            if sum >> bit & 1 != 0 {
                sum ^= POLYNOMIAL << (bit - 8);
            }
        }
        sum.to_le_bytes()[0]
    }

    #[test]
    fn every_product_and_inverse_is_that_of_the_definition() {
        for a in 0..=255 {
            for b in 0..=255 {
                assert_eq!(product(a, b), naive(a, b), "{a} times {b}");
            }
            if a != 0 {
                assert_eq!(naive(a, inverse(a)), 1);
            }
        }
    }

    #[test]
    fn a_matrix_times_its_inverse_is_one_and_singular_ones_have_none() {
        let cells = vec![0, 3, 7, 1, 0, 9, 200, 4, 5];
        let matrix = Matrix {
            rows: 3,
            columns: 3,
            cells,
        };
        let inverted = matrix.clone().inverted().expect("it is regular");
        for index in 0..3 {
            let mut unit = vec![0; 3];
            unit[index] = 1;
            assert_eq!(inverted.times(matrix.row(index)), unit);
        }
        let mut singular = matrix;
        let copy = singular.row(0).to_vec();
        singular.row_mut(2).copy_from_slice(&copy);
        assert_eq!(singular.inverted(), None);
        assert_eq!(Matrix::zero(2, 3).inverted(), None);
    }
}
