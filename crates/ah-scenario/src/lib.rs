//! Scenario files: what a scripted agent says and does, parsed and resolved without any I/O
