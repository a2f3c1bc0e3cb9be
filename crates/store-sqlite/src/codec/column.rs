//! A column of numbers, in the smallest of three forms.

use super::bytes::{Reader, Writer};
use super::{CodecError, malformed};

const RAW: u8 = 0;
const XOR: u8 = 1;
/// Decimal forms are `DECIMAL + exponent`.
const DECIMAL: u8 = 2;

/// Largest decimal exponent tried: six digits after the point.
const EXPONENT_MAX: u8 = 6;

/// Largest whole number that a double holds exactly: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

pub(super) fn encode(values: &[f64], out: &mut Writer) {
    let mut xor = Writer::default();
    encode_xor(values, &mut xor);
    let raw_bytes = values.len() * 8;
    if let Some((exponent, whole)) = decimals(values) {
        let mut deltas = Writer::default();
        encode_deltas(&whole, &mut deltas);
        if deltas.len() <= xor.len().min(raw_bytes) {
            out.byte(DECIMAL + exponent);
            out.extend(&deltas);
            return;
        }
    }
    if xor.len() < raw_bytes {
        out.byte(XOR);
        out.extend(&xor);
    } else {
        out.byte(RAW);
        values
            .iter()
            .for_each(|value| out.bytes(&value.to_bits().to_le_bytes()));
    }
}

pub(super) fn decode(count: usize, input: &mut Reader<'_>) -> Result<Vec<f64>, CodecError> {
    match input.byte()? {
        RAW => (0..count).map(|_| raw(input)).collect(),
        XOR => decode_xor(count, input),
        form if form <= DECIMAL + EXPONENT_MAX => decode_deltas(count, form - DECIMAL, input),
        _ => Err(malformed("a column")),
    }
}

fn raw(input: &mut Reader<'_>) -> Result<f64, CodecError> {
    let bytes = input
        .take(8)?
        .try_into()
        .map_err(|_| CodecError::Truncated)?;
    Ok(f64::from_bits(u64::from_le_bytes(bytes)))
}

fn power(exponent: u8) -> f64 {
    10_f64.powi(i32::from(exponent))
}

/// The smallest exponent for which every value times ten to it is a whole number from which the very
/// same bits come back.
fn decimals(values: &[f64]) -> Option<(u8, Vec<i64>)> {
    (0..=EXPONENT_MAX).find_map(|exponent| {
        let whole = |value: &f64| {
            let scaled = (value * power(exponent)).round();
            let number = scaled as i64;
            // Through the whole number, which knows no negative zero.
            let same = (number as f64 / power(exponent)).to_bits() == value.to_bits();
            (scaled.abs() <= EXACT_MAX && same).then_some(number)
        };
        let whole: Option<Vec<i64>> = values.iter().map(whole).collect();
        whole.map(|whole| (exponent, whole))
    })
}

fn encode_deltas(whole: &[i64], out: &mut Writer) {
    let mut last = 0_i64;
    for value in whole {
        out.zigzag(value.wrapping_sub(last));
        last = *value;
    }
}

fn decode_deltas(
    count: usize,
    exponent: u8,
    input: &mut Reader<'_>,
) -> Result<Vec<f64>, CodecError> {
    let mut last = 0_i64;
    let mut next = || {
        last = last.wrapping_add(input.zigzag()?);
        Ok(last as f64 / power(exponent))
    };
    (0..count).map(|_| next()).collect()
}

/// Each value as what differs from the one before: a byte with the number of leading zero bytes and
/// of bytes that follow, then those bytes; 0 when nothing differs.
fn encode_xor(values: &[f64], out: &mut Writer) {
    let mut last = 0_u64;
    for value in values {
        let bits = value.to_bits();
        let bytes = (bits ^ last).to_be_bytes();
        let lead = bytes.iter().take_while(|byte| **byte == 0).count();
        let tail = bytes.iter().rev().take_while(|byte| **byte == 0).count();
        let kept = bytes.get(lead..8 - tail.min(8 - lead)).unwrap_or_default();
        if kept.is_empty() {
            out.byte(0);
        } else {
            out.byte(((lead as u8) << 4) | kept.len() as u8);
            out.bytes(kept);
        }
        last = bits;
    }
}

fn decode_xor(count: usize, input: &mut Reader<'_>) -> Result<Vec<f64>, CodecError> {
    let mut last = 0_u64;
    let mut values = Vec::with_capacity(count.min(input.remaining()));
    for _ in 0..count {
        let head = input.byte()?;
        let (lead, length) = (usize::from(head >> 4), usize::from(head & 0x0f));
        let mut bytes = [0_u8; 8];
        let place = bytes
            .get_mut(lead..lead + length)
            .ok_or(malformed("a number"))?;
        place.copy_from_slice(input.take(length)?);
        last ^= u64::from_be_bytes(bytes);
        values.push(f64::from_bits(last));
    }
    Ok(values)
}
