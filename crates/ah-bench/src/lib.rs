//! Benchmarks as ratios against a plain baseline in the same run
