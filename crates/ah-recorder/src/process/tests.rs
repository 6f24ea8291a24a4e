use super::*;

fn stat(pid: i32, parent: i32) -> ProcessStat {
    ProcessStat {
        id: ProcessId {
            pid: Pid::from_raw(pid).unwrap(),
            started: 1,
        },
        parent,
        leader: pid,
        state: b'S',
    }
}

#[test]
fn process_name_with_parentheses_and_spaces_is_parsed() {
    let line = b"42 (a) R (b) T 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987 0 0 0\n";
    let process = ProcessStat::parse(line).unwrap();
    assert_eq!(process.id.pid.as_raw_nonzero().get(), 42);
    assert_eq!(process.id.started, 987);
    assert_eq!(process.parent, 7);
    assert!(process.is_stopped());
}

#[test]
fn descendants_of_any_depth_are_found_and_others_are_not() {
    let processes = [stat(5, 4), stat(3, 2), stat(2, 1), stat(9, 8), stat(4, 2)];
    let mut pids: Vec<i32> = descendants_in(&processes, 1, |_| false)
        .iter()
        .map(|process| process.id.pid.as_raw_nonzero().get())
        .collect();
    assert_eq!(pids.first(), Some(&2), "parents come first");
    pids.sort_unstable();
    assert_eq!(pids, [2, 3, 4, 5]);
}

#[test]
fn nested_session_and_its_processes_are_excluded() {
    let processes = [stat(2, 1), stat(3, 2), stat(4, 3), stat(5, 4), stat(6, 2)];
    let recorder = |process: &ProcessStat| process.id.pid.as_raw_nonzero().get() == 3;
    let mut pids: Vec<i32> = descendants_in(&processes, 1, recorder)
        .iter()
        .map(|process| process.id.pid.as_raw_nonzero().get())
        .collect();
    pids.sort_unstable();
    assert_eq!(pids, [2, 6]);
}

fn found(processes: &[ProcessStat]) -> std::future::Ready<io::Result<Vec<ProcessStat>>> {
    std::future::ready(Ok(processes.to_vec()))
}

fn descriptor() -> Option<OwnedFd> {
    Some(fs::File::open("/dev/null").unwrap().into())
}

#[tokio::test(start_paused = true)]
async fn failure_to_stop_a_process_keeps_the_stopped_ones() {
    let processes = std::cell::RefCell::new(vec![stat(2, 1), stat(3, 1), stat(4, 1)]);
    let send = |process: ProcessId, _| {
        if process == stat(3, 1).id {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut processes = processes.borrow_mut();
        for it in processes.iter_mut().filter(|it| it.id == process) {
            it.state = b'T';
        }
        Ok(descriptor())
    };
    let frozen = freeze(|| found(&processes.borrow()), send).await;
    assert_eq!(frozen.stopped, [stat(2, 1).id, stat(4, 1).id]);
    assert_eq!(frozen.restless, 1);
    assert!(frozen.failure.is_some());
}

#[tokio::test(start_paused = true)]
async fn stopped_processes_are_returned_despite_a_later_read_error() {
    let mut looks = 0;
    let living = || {
        looks += 1;
        match looks {
            1 => found(&[stat(2, 1)]),
            _ => std::future::ready(Err(io::Error::other("no more"))),
        }
    };
    let frozen = freeze(living, |_, _| Ok(descriptor())).await;
    assert_eq!(frozen.stopped, [stat(2, 1).id]);
    assert!(frozen.failure.is_some());
}

#[test]
fn resuming_continues_after_an_error() {
    let frozen = Frozen {
        stopped: vec![stat(2, 1).id, stat(3, 1).id, stat(4, 1).id],
        ..Frozen::default()
    };
    let mut woken = Vec::new();
    let outcome = thaw(&frozen, |process, _| {
        woken.push(process);
        if woken.len() == 1 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(None)
    });
    assert_eq!(woken, frozen.stopped);
    assert!(outcome.is_err());
}

#[test]
fn reused_process_id_gets_no_signal() {
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
