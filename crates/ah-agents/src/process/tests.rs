use super::*;

fn stat(pid: i32, parent: i32) -> ProcessStat {
    ProcessStat {
        id: ProcessId {
            pid: Pid::from_raw(pid).unwrap(),
            started: 1,
        },
        parent,
        state: b'S',
    }
}

#[test]
fn a_name_with_parentheses_and_blanks_does_not_shift_the_fields() {
    let line = b"42 (a) R (b) T 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987 0 0 0\n";
    let process = ProcessStat::parse(line).unwrap();
    assert_eq!(process.id.pid.as_raw_nonzero().get(), 42);
    assert_eq!(process.id.started, 987);
    assert_eq!(process.parent, 7);
    assert!(process.is_stopped());
}

#[test]
fn descendants_are_found_through_any_depth_and_strangers_are_not() {
    let processes = [stat(5, 4), stat(3, 2), stat(2, 1), stat(9, 8), stat(4, 2)];
    let mut pids: Vec<i32> = descendants_in(&processes, 1)
        .iter()
        .map(|process| process.id.pid.as_raw_nonzero().get())
        .collect();
    assert_eq!(pids.first(), Some(&2), "parents come first");
    pids.sort_unstable();
    assert_eq!(pids, [2, 3, 4, 5]);
}

#[test]
fn a_later_process_of_the_same_number_gets_no_signal() {
    let mut child = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    let real = ProcessStat::read(i32::try_from(child.id()).unwrap())
        .unwrap()
        .unwrap()
        .id;
    let earlier = ProcessId {
        started: real.started - 1,
        ..real
    };
    assert!(signal(earlier, Signal::KILL).unwrap().is_none());
    assert!(child.try_wait().unwrap().is_none(), "it still runs");
    assert!(signal(real, Signal::KILL).unwrap().is_some());
    child.wait().unwrap();
    assert!(signal(real, Signal::KILL).unwrap().is_none());
}
