//! Samples as compact bytes: one chunk holds up to [`CHUNK_SAMPLES_MAX`] samples of one target,
//! column by column.
//!
//! Layout: format byte; count; times as differences of differences; table of texts; one column per
//! metric with its presence; the held connection; probes; four bytes of SHA-256 over all of it.
//! Numbers come back bit for bit. Damaged bytes are an error, never a panic and never a wrong sample.

mod bytes;
mod column;

use std::collections::BTreeMap;

use backstay_model::sample::{Held, ProbeStep};
use backstay_model::{MetricName, ProbeReading, Sample, Timestamp};
use sha2::{Digest, Sha256};

use bytes::{Reader, Writer};

/// Samples of one chunk.
pub(crate) const CHUNK_SAMPLES_MAX: usize = 120;

const FORMAT: u8 = 1;
const CHECK_BYTES: usize = 4;

/// A chunk cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum CodecError {
    #[error("the chunk has format {found}; this program reads {FORMAT}")]
    Format { found: u8 },
    #[error("the checksum of the chunk does not match")]
    Checksum,
    #[error("the chunk ends too early")]
    Truncated,
    #[error("the chunk holds {what} that cannot be")]
    Malformed { what: &'static str },
}

fn malformed(what: &'static str) -> CodecError {
    CodecError::Malformed { what }
}

fn checksum(bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Sha256::digest(bytes);
    let mut check = [0; CHECK_BYTES];
    check
        .iter_mut()
        .zip(digest.iter())
        .for_each(|(to, from)| *to = *from);
    check
}

/// The bytes of `samples`; at most [`CHUNK_SAMPLES_MAX`] of them are meant to be given.
pub(crate) fn encode(samples: &[Sample]) -> Vec<u8> {
    let mut out = Writer::default();
    out.byte(FORMAT);
    out.varint(samples.len() as u64);
    encode_times(samples, &mut out);
    let mut texts = Texts::default();
    let mut body = Writer::default();
    encode_metrics(samples, &mut texts, &mut body);
    encode_held(samples, &mut texts, &mut body);
    encode_probes(samples, &mut texts, &mut body);
    texts.write(&mut out);
    out.extend(&body);
    let mut bytes = out.into_bytes();
    let check = checksum(&bytes);
    bytes.extend_from_slice(&check);
    bytes
}

/// The samples in `bytes`.
///
/// # Errors
/// `CodecError` when they are not what `encode` made.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Sample>, CodecError> {
    let (body, check) = bytes
        .split_last_chunk::<CHECK_BYTES>()
        .ok_or(CodecError::Truncated)?;
    // The format comes first: a newer one may have another checksum.
    match body.first() {
        Some(&FORMAT) => {}
        Some(&found) => return Err(CodecError::Format { found }),
        None => return Err(CodecError::Truncated),
    }
    if checksum(body) != *check {
        return Err(CodecError::Checksum);
    }
    let mut input = Reader::new(body);
    input.byte()?;
    let count = input.count(CHUNK_SAMPLES_MAX)?;
    let mut samples = decode_times(count, &mut input)?;
    let texts = read_texts(&mut input)?;
    decode_metrics(&mut samples, &texts, &mut input)?;
    decode_held(&mut samples, &texts, &mut input)?;
    decode_probes(&mut samples, &texts, &mut input)?;
    if input.remaining() > 0 {
        return Err(malformed("more than its samples"));
    }
    Ok(samples)
}

/// Texts, each written once.
#[derive(Default)]
struct Texts {
    index: BTreeMap<String, u64>,
    order: Vec<String>,
}

impl Texts {
    fn of(&mut self, text: &str) -> u64 {
        if let Some(index) = self.index.get(text) {
            return *index;
        }
        let index = self.order.len() as u64;
        self.index.insert(text.to_owned(), index);
        self.order.push(text.to_owned());
        index
    }

    fn write(&self, out: &mut Writer) {
        out.varint(self.order.len() as u64);
        for text in &self.order {
            out.varint(text.len() as u64);
            out.bytes(text.as_bytes());
        }
    }
}

fn read_texts(input: &mut Reader<'_>) -> Result<Vec<String>, CodecError> {
    let count = input.count(input.remaining())?;
    let mut texts = Vec::with_capacity(count);
    for _ in 0..count {
        let length = input.count(input.remaining())?;
        let text = std::str::from_utf8(input.take(length)?).map_err(|_| malformed("a text"))?;
        texts.push(text.to_owned());
    }
    Ok(texts)
}

fn text<'a>(texts: &'a [String], input: &mut Reader<'_>) -> Result<&'a str, CodecError> {
    let index = usize::try_from(input.varint()?).map_err(|_| malformed("a reference"))?;
    texts
        .get(index)
        .map(String::as_str)
        .ok_or(malformed("a reference"))
}

fn encode_times(samples: &[Sample], out: &mut Writer) {
    let (mut last, mut step) = (0_i64, 0_i64);
    for sample in samples {
        let delta = sample.at.0.wrapping_sub(last);
        out.zigzag(delta.wrapping_sub(step));
        (last, step) = (sample.at.0, delta);
    }
}

fn decode_times(count: usize, input: &mut Reader<'_>) -> Result<Vec<Sample>, CodecError> {
    let mut samples = Vec::with_capacity(count);
    let (mut last, mut step) = (0_i64, 0_i64);
    for _ in 0..count {
        step = step.wrapping_add(input.zigzag()?);
        last = last.wrapping_add(step);
        samples.push(Sample {
            at: Timestamp(last),
            ..Sample::default()
        });
    }
    Ok(samples)
}

fn encode_metrics(samples: &[Sample], texts: &mut Texts, out: &mut Writer) {
    let mut columns: BTreeMap<&MetricName, Vec<(usize, f64)>> = BTreeMap::new();
    for (row, sample) in samples.iter().enumerate() {
        for (name, value) in &sample.metrics {
            columns.entry(name).or_default().push((row, *value));
        }
    }
    out.varint(columns.len() as u64);
    for (name, cells) in columns {
        out.varint(texts.of(name.as_str()));
        if cells.len() == samples.len() {
            out.byte(0);
        } else {
            out.byte(1);
            let mut presence = vec![0_u8; samples.len().div_ceil(8)];
            for (row, _) in &cells {
                presence[row / 8] |= 1 << (row % 8);
            }
            out.bytes(&presence);
        }
        let values: Vec<f64> = cells.into_iter().map(|(_, value)| value).collect();
        column::encode(&values, out);
    }
}

fn decode_metrics(
    samples: &mut [Sample],
    texts: &[String],
    input: &mut Reader<'_>,
) -> Result<(), CodecError> {
    let columns = input.count(input.remaining())?;
    for _ in 0..columns {
        let name = MetricName::new(text(texts, input)?);
        let presence = match input.byte()? {
            0 => None,
            1 => Some(input.take(samples.len().div_ceil(8))?),
            _ => return Err(malformed("a presence")),
        };
        let there = |row: usize| {
            let byte = |bits: &[u8]| bits.get(row / 8).is_some_and(|b| b & (1 << (row % 8)) != 0);
            presence.is_none_or(byte)
        };
        let rows: Vec<&mut Sample> = samples
            .iter_mut()
            .enumerate()
            .filter(|(row, _)| there(*row))
            .map(|(_, s)| s)
            .collect();
        let values = column::decode(rows.len(), input)?;
        for (sample, value) in rows.into_iter().zip(values) {
            sample.metrics.insert(name.clone(), value);
        }
    }
    Ok(())
}

/// 0 for a connection that answers, else the reference to its words plus one.
fn encode_held(samples: &[Sample], texts: &mut Texts, out: &mut Writer) {
    if samples.iter().all(|sample| sample.held == Held::Answers) {
        out.byte(0);
        return;
    }
    out.byte(1);
    for sample in samples {
        out.varint(match &sample.held {
            Held::Answers => 0,
            Held::Lost { why } => texts.of(why) + 1,
        });
    }
}

fn decode_held(
    samples: &mut [Sample],
    texts: &[String],
    input: &mut Reader<'_>,
) -> Result<(), CodecError> {
    match input.byte()? {
        0 => return Ok(()),
        1 => {}
        _ => return Err(malformed("a connection state")),
    }
    for sample in samples {
        let reference = usize::try_from(input.varint()?).map_err(|_| malformed("a reference"))?;
        if let Some(index) = reference.checked_sub(1) {
            let why = texts.get(index).ok_or(malformed("a reference"))?.clone();
            sample.held = Held::Lost { why };
        }
    }
    Ok(())
}

const DONE: u8 = 0;
const FAILED: u8 = 1;
const HUNG: u8 = 2;
const SKIPPED: u8 = 3;

fn encode_probes(samples: &[Sample], texts: &mut Texts, out: &mut Writer) {
    let mut times: [Vec<f64>; 3] = Default::default();
    let mut limits = Vec::new();
    for sample in samples {
        out.varint(sample.probes.len() as u64);
        for probe in &sample.probes {
            out.varint(texts.of(&probe.role));
            out.zigzag(probe.at.0.wrapping_sub(sample.at.0));
            for (step, times) in probe.steps().zip(&mut times) {
                match step {
                    ProbeStep::Done { ms } => {
                        out.byte(DONE);
                        times.push(*ms);
                    }
                    ProbeStep::Failed { class, message } => {
                        out.byte(FAILED);
                        out.varint(texts.of(class));
                        out.varint(texts.of(message));
                    }
                    ProbeStep::Hung { limit_ms } => {
                        out.byte(HUNG);
                        limits.push(*limit_ms);
                    }
                    ProbeStep::Skipped => out.byte(SKIPPED),
                }
            }
        }
    }
    for column in times.iter().chain([&limits]) {
        column::encode(column, out);
    }
}

fn decode_probes(
    samples: &mut [Sample],
    texts: &[String],
    input: &mut Reader<'_>,
) -> Result<(), CodecError> {
    for sample in &mut *samples {
        let count = input.count(input.remaining())?;
        for _ in 0..count {
            let role = text(texts, input)?.to_owned();
            let at = Timestamp(sample.at.0.wrapping_add(input.zigzag()?));
            let [connect, read, write] = [
                decode_step(texts, input)?,
                decode_step(texts, input)?,
                decode_step(texts, input)?,
            ];
            sample.probes.push(ProbeReading {
                at,
                role,
                connect,
                read,
                write,
            });
        }
    }
    fill_times(samples, input)
}

fn decode_step(texts: &[String], input: &mut Reader<'_>) -> Result<ProbeStep, CodecError> {
    Ok(match input.byte()? {
        DONE => ProbeStep::Done { ms: 0.0 },
        FAILED => ProbeStep::Failed {
            class: text(texts, input)?.to_owned(),
            message: text(texts, input)?.to_owned(),
        },
        HUNG => ProbeStep::Hung { limit_ms: 0.0 },
        SKIPPED => ProbeStep::Skipped,
        _ => return Err(malformed("a probe step")),
    })
}

/// The numbers of the probes stand after them, in four columns.
fn fill_times(samples: &mut [Sample], input: &mut Reader<'_>) -> Result<(), CodecError> {
    let mut times: [Vec<&mut f64>; 3] = Default::default();
    let mut limits: Vec<&mut f64> = Vec::new();
    for probe in samples.iter_mut().flat_map(|sample| &mut sample.probes) {
        let steps = [&mut probe.connect, &mut probe.read, &mut probe.write];
        for (step, times) in steps.into_iter().zip(&mut times) {
            match step {
                ProbeStep::Done { ms } => times.push(ms),
                ProbeStep::Hung { limit_ms } => limits.push(limit_ms),
                ProbeStep::Failed { .. } | ProbeStep::Skipped => {}
            }
        }
    }
    for cells in times.into_iter().chain([limits]) {
        let values = column::decode(cells.len(), input)?;
        cells
            .into_iter()
            .zip(values)
            .for_each(|(cell, value)| *cell = value);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
