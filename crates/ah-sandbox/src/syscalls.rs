//! System calls that administer the host or widen a process's rights, and the capabilities of root.

use std::collections::BTreeMap;
use std::io;

use rustix::thread::{CapabilitySet, CapabilitySets};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// Calls that always fail.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_bpf,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pivot_root,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// The flags of clone(2) that create namespaces.
const NAMESPACES: libc::c_int = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// The capabilities that root keeps: those over its own files, users and ports.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETUID);

/// Drops the capabilities that administer the host, for this process and its children.
pub(crate) fn drop_capabilities() -> io::Result<()> {
    let now = rustix::thread::capabilities(None)?;
    for capability in (CapabilitySet::all() - KEPT).iter() {
        // Without the right to do so, an unprivileged process has none of them anyway. Later kernels
        // have more, and earlier ones fewer.
        if now.effective.contains(CapabilitySet::SETPCAP)
            && rustix::thread::capability_is_in_bounding_set(capability).unwrap_or(false)
        {
            rustix::thread::remove_capability_from_bounding_set(capability)?;
        }
    }
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: now.effective & KEPT,
            permitted: now.permitted & KEPT,
            inheritable: now.inheritable & KEPT,
        },
    )?;
    Ok(())
}

/// Filters the system calls of this process and its children to come.
///
/// # Errors
/// The filter cannot be enforced, with the reason as a clause.
pub(crate) fn filter() -> Result<(), String> {
    let refused = |error: &dyn std::fmt::Display| {
        format!("the filter of system calls (seccomp) was refused: {error}")
    };
    let wrong = |error: seccompiler::BackendError| refused(&error);
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.iter().map(|&call| (call, Vec::new())).collect();
    let mut clone_rules = Vec::new();
    for flag in (0..32)
        .map(|bit| 1_i32 << bit)
        .filter(|flag| flag & NAMESPACES != 0)
    {
        let flag = u64::from(flag.cast_unsigned());
        let has_flag = SeccompCondition::new(
            0,
            SeccompCmpArgLen::Qword,
            SeccompCmpOp::MaskedEq(flag),
            flag,
        );
        clone_rules.push(SeccompRule::new(vec![has_flag.map_err(wrong)?]).map_err(wrong)?);
    }
    rules.insert(libc::SYS_clone, clone_rules);
    // The flags of clone3 are out of sight for a filter. Without it, programs use clone.
    let absent = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    for (rules, error) in [(rules, libc::EPERM), (absent, libc::ENOSYS)] {
        let architecture = std::env::consts::ARCH.try_into().map_err(wrong)?;
        let answer = SeccompAction::Errno(error.cast_unsigned());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, answer, architecture);
        let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(wrong)?;
        seccompiler::apply_filter(&program).map_err(|error| refused(&error))?;
    }
    Ok(())
}
