use std::cell::RefCell;

use super::*;

fn processes(pids: &[i32]) -> Vec<ProcessStat> {
    let stat = |pid: &i32| {
        let line = format!("{pid} (it) S 1 0 {pid} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 9 0 0");
        ProcessStat::parse(line.as_bytes()).unwrap()
    };
    pids.iter().map(stat).collect()
}

fn pid(process: ProcessId) -> i32 {
    process.pid().as_raw_nonzero().get()
}

#[tokio::test(start_paused = true)]
async fn process_that_cannot_be_killed_does_not_protect_others() {
    let alive = RefCell::new(processes(&[2, 3, 4]));
    let send = |process: ProcessId, signal| {
        if pid(process) == 2 {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        if signal == Signal::KILL {
            alive.borrow_mut().retain(|it| it.id != process);
        }
        Ok(Some(std::fs::File::open("/dev/null").unwrap().into()))
    };
    let living = || std::future::ready(Ok(alive.borrow().clone()));
    let swept = sweep(living, || (), send).await;
    let mut killed: Vec<i32> = swept.killed.iter().map(|process| pid(*process)).collect();
    killed.sort_unstable();
    assert_eq!((killed, swept.left), (vec![3, 4], 1));
    let shortcoming = swept.shortcoming().unwrap();
    assert!(
        shortcoming.contains("1 process could not be ended"),
        "{shortcoming}"
    );
}

#[tokio::test(start_paused = true)]
async fn unreadable_processes_are_not_counted_as_swept() {
    let living = || std::future::ready(Err(io::Error::other("nothing can be seen")));
    let swept = sweep(living, || (), |_, _| Ok(None)).await;
    assert!(swept.shortcoming().unwrap().contains("nothing can be seen"));
}

#[tokio::test(start_paused = true)]
async fn temporary_error_is_no_failure() {
    let looks = RefCell::new(0);
    let living = || {
        *looks.borrow_mut() += 1;
        std::future::ready(match *looks.borrow() {
            1 => Err(io::Error::other("not now")),
            _ => Ok(Vec::new()),
        })
    };
    assert_eq!(
        sweep(living, || (), |_, _| Ok(None)).await.shortcoming(),
        None
    );
}
