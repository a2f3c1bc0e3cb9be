use backstay_journal::conformance::sample;
use proptest::prelude::*;

use super::*;

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-1_000_000_i64..1_000_000).prop_map(|n| n as f64 / 100.0),
        (0_i64..1_000).prop_map(|n| n as f64),
        Just(-0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::MIN_POSITIVE / 3.0),
    ]
}

fn step() -> impl Strategy<Value = ProbeStep> {
    prop_oneof![
        number().prop_map(|ms| ProbeStep::Done { ms }),
        ("[a-z0-9]{0,5}", ".{0,9}")
            .prop_map(|(class, message)| ProbeStep::Failed { class, message }),
        number().prop_map(|limit_ms| ProbeStep::Hung { limit_ms }),
        Just(ProbeStep::Skipped),
    ]
}

fn probe() -> impl Strategy<Value = ProbeReading> {
    (any::<i64>(), "[a-z]{1,4}", step(), step(), step()).prop_map(
        |(at, role, connect, read, write)| ProbeReading {
            at: Timestamp(at),
            role,
            connect,
            read,
            write,
        },
    )
}

fn any_sample() -> impl Strategy<Value = Sample> {
    let held = prop_oneof![
        3 => Just(Held::Answers),
        1 => ".{0,9}".prop_map(|why| Held::Lost { why }),
    ];
    let metrics = prop::collection::btree_map(
        "[a-f]{1,2}".prop_map(|n| MetricName::new(&n)),
        number(),
        0..8,
    );
    let at = prop_oneof![any::<i64>(), (0_i64..1_000).prop_map(|s| s * 1_000_000)];
    (at, metrics, prop::collection::vec(probe(), 0..3), held).prop_map(
        |(at, metrics, probes, held)| Sample {
            at: Timestamp(at),
            metrics,
            probes,
            held,
            holders: Vec::new(),
        },
    )
}

/// Equal bit for bit: `Debug` writes a NaN without its payload, so numbers are compared as bits.
fn bits(samples: &[Sample]) -> (String, Vec<u64>) {
    let steps = samples
        .iter()
        .flat_map(|s| &s.probes)
        .flat_map(ProbeReading::steps);
    let times = steps.filter_map(|step| match step {
        ProbeStep::Done { ms } => Some(*ms),
        ProbeStep::Hung { limit_ms } => Some(*limit_ms),
        _ => None,
    });
    let metrics = samples.iter().flat_map(|s| s.metrics.values().copied());
    (
        format!("{samples:?}"),
        metrics.chain(times).map(f64::to_bits).collect(),
    )
}

proptest! {
    #[test]
    fn samples_come_back_bit_for_bit(samples in prop::collection::vec(any_sample(), 0..=CHUNK_SAMPLES_MAX.min(20))) {
        let back = decode(&encode(&samples)).unwrap();
        prop_assert_eq!(bits(&back), bits(&samples));
    }

    #[test]
    fn columns_come_back_bit_for_bit(values in prop::collection::vec(number(), 0..130)) {
        let mut out = Writer::default();
        column::encode(&values, &mut out);
        let bytes = out.into_bytes();
        prop_assert!(bytes.len() <= 1 + values.len() * 8, "never larger than raw");
        let back = column::decode(values.len(), &mut Reader::new(&bytes)).unwrap();
        let bits = |v: &[f64]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&back), bits(&values));
    }

    #[test]
    fn a_damaged_chunk_is_an_error(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let samples: Vec<_> = (1..=30).map(sample).collect();
        let mut bytes = encode(&samples);
        let index = at.index(bytes.len());
        bytes[index] ^= flip;
        prop_assert!(decode(&bytes).is_err());
        bytes[index] ^= flip;
        bytes.truncate(index);
        prop_assert!(decode(&bytes).is_err());
    }

    /// With a right checksum, so that everything behind it meets the random bytes.
    #[test]
    fn no_bytes_make_the_decoder_panic(mut body in prop::collection::vec(any::<u8>(), 0..300)) {
        body.insert(0, FORMAT);
        let check = checksum(&body);
        body.extend_from_slice(&check);
        decode(&body).ok();
    }

    /// The same, near to right bytes.
    #[test]
    fn no_small_change_makes_the_decoder_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let samples: Vec<_> = (1..=30).map(sample).collect();
        let mut body = encode(&samples);
        body.truncate(body.len() - CHECK_BYTES);
        let index = at.index(body.len() - 1) + 1;
        body[index] = byte;
        let check = checksum(&body);
        body.extend_from_slice(&check);
        decode(&body).ok();
    }
}

#[test]
fn a_newer_format_is_said_so() {
    let mut bytes = encode(&[sample(1)]);
    bytes[0] = 9;
    assert_eq!(decode(&bytes), Err(CodecError::Format { found: 9 }));
    assert_eq!(decode(&[]), Err(CodecError::Truncated));
}

#[test]
fn a_chunk_is_compact() {
    let samples: Vec<_> = (1..=120)
        .map(|second| {
            let mut sample = sample(second);
            for metric in 0..30 {
                let value = (f64::from(metric) * 1_000.0 + (second * 7 % 13) as f64) / 10.0;
                sample
                    .metrics
                    .insert(MetricName::new(&format!("metric_{metric}_per_s")), value);
            }
            sample
        })
        .collect();
    let bytes = encode(&samples).len();
    assert!(
        bytes < 120 * 90,
        "{bytes} bytes for 120 samples of 32 metrics and a probe"
    );
}
