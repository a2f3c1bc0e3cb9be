//! What NAB publishes of `windowedGaussian`, to check our scorer by.
//!
//! Facts from numenta/NAB, `results/windowedGaussian/windowedGaussian_standard_scores.csv` at de8e91a
//! (totals of all 58 files there: -24.0131, normalised 39.65, as in its `final_results.json`).

/// The threshold they were scored at.
pub const THRESHOLD: f64 = 1.0;

/// Raw standard scores of the files that are at hand.
#[rustfmt::skip]
pub const STANDARD: [(&str, f64); 41] = [
    ("artificialNoAnomaly/art_daily_no_noise.csv", 0.0),
    ("artificialNoAnomaly/art_daily_perfect_square_wave.csv", 0.0),
    ("artificialNoAnomaly/art_daily_small_noise.csv", 0.0),
    ("artificialNoAnomaly/art_flatline.csv", 0.0),
    ("artificialNoAnomaly/art_noisy.csv", 0.0),
    ("artificialWithAnomaly/art_daily_flatmiddle.csv", -1.0),
    ("artificialWithAnomaly/art_daily_jumpsdown.csv", -1.0),
    ("artificialWithAnomaly/art_daily_jumpsup.csv", -1.0),
    ("artificialWithAnomaly/art_daily_nojump.csv", -1.0),
    ("artificialWithAnomaly/art_increase_spike_density.csv", -1.0),
    ("artificialWithAnomaly/art_load_balancer_spikes.csv", -0.692444609523),
    ("realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv", -1.26667875935),
    ("realAWSCloudwatch/ec2_cpu_utilization_53ea38.csv", -0.141423196117),
    ("realAWSCloudwatch/ec2_cpu_utilization_5f5533.csv", -2.0),
    ("realAWSCloudwatch/ec2_cpu_utilization_77c1ca.csv", -1.0),
    ("realAWSCloudwatch/ec2_cpu_utilization_825cc2.csv", 0.956537840284),
    ("realAWSCloudwatch/ec2_cpu_utilization_ac20cd.csv", 0.86067182427),
    ("realAWSCloudwatch/ec2_cpu_utilization_c6585a.csv", -1.32),
    ("realAWSCloudwatch/ec2_cpu_utilization_fe7f93.csv", 0.638757791772),
    ("realAWSCloudwatch/ec2_disk_write_bytes_1ef3de.csv", -4.19089678552),
    ("realAWSCloudwatch/ec2_disk_write_bytes_c0d644.csv", -1.09599853032),
    ("realAWSCloudwatch/ec2_network_in_257a54.csv", 0.86067182427),
    ("realAWSCloudwatch/ec2_network_in_5abac7.csv", -3.52193223519),
    ("realAWSCloudwatch/elb_request_count_8c0756.csv", -0.138449197924),
    ("realAWSCloudwatch/grok_asg_anomaly.csv", 2.37942230674),
    ("realAWSCloudwatch/iio_us-east-1_i-a2eb1cd9_NetworkIn.csv", -2.0),
    ("realAWSCloudwatch/rds_cpu_utilization_cc0c53.csv", -0.138449197924),
    ("realAWSCloudwatch/rds_cpu_utilization_e47b3b.csv", -0.138449197924),
    ("realAdExchange/exchange-2_cpc_results.csv", -1.0),
    ("realAdExchange/exchange-2_cpm_results.csv", -2.0),
    ("realAdExchange/exchange-3_cpc_results.csv", 2.50266326119),
    ("realAdExchange/exchange-3_cpm_results.csv", 0.862098587352),
    ("realAdExchange/exchange-4_cpc_results.csv", 0.292288463428),
    ("realAdExchange/exchange-4_cpm_results.csv", 1.27471036268),
    ("realKnownCause/ambient_temperature_system_failure.csv", -2.0),
    ("realKnownCause/cpu_utilization_asg_misconfiguration.csv", -1.11),
    ("realKnownCause/ec2_request_latency_system_failure.csv", 2.02150685678),
    ("realKnownCause/machine_temperature_system_failure.csv", -4.0),
    ("realKnownCause/nyc_taxi.csv", -5.0),
    ("realKnownCause/rogue_agent_key_hold.csv", -2.44),
    ("realKnownCause/rogue_agent_key_updown.csv", -1.3964908955),
];
