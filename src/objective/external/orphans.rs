//! A guard against orphans: if the tuner is killed, the commands that it leaves running are killed
//! as well.
//!
//! A shell runs beside the tuner and reads from a pipe which process groups are running. When the
//! tuner dies, the pipe closes, and the shell kills the groups that are left. (Linux can send a
//! signal to the children of a dying process. But it reaches only the first process of a group, and
//! any program can turn it off.)

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Reads lines `+ GROUP` and `- GROUP`. It ignores the signals that ask it to end, since it is
/// needed until the tuner has ended.
const SCRIPT: &str = r#"
    trap '' HUP INT TERM
    groups=' '
    while read -r sign group; do
        case $sign in
            +) groups="$groups$group " ;;
            -) groups="${groups%% $group *} ${groups#* $group }" ;;
        esac
    done
    for group in $groups; do kill -s KILL -- "-$group"; done
"#;

/// The shell of this process, and the groups that it watches.
static WATCH: Mutex<Watch> = Mutex::new(Watch { pipe: None, groups: BTreeSet::new() });

struct Watch {
    pipe: Option<ChildStdin>,
    groups: BTreeSet<u32>,
}

/// While this guard exists, the process group is killed if this process dies.
pub(crate) struct GroupGuard(u32);

impl GroupGuard {
    /// Guards the process group that `child` leads.
    ///
    /// # Errors
    /// The shell cannot be started.
    pub fn new(child: &Child) -> io::Result<Self> {
        let group = child.id();
        let mut watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner);
        watch.groups.insert(group);
        // A shell that was ended is started again.
        if watch.write('+', group).is_err() {
            watch.start()?;
        }
        Ok(Self(group))
    }
}

impl Drop for GroupGuard {
    fn drop(&mut self) {
        let mut watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner);
        watch.groups.remove(&self.0);
        // Without a shell there is nothing to do.
        let _ = watch.write('-', self.0);
    }
}

impl Watch {
    fn write(&mut self, sign: char, group: u32) -> io::Result<()> {
        let pipe = self.pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        pipe.write_all(format!("{sign} {group}\n").as_bytes())
    }

    /// Starts a shell that watches all groups. The shell keeps no output, folder or process group
    /// of this process in use.
    fn start(&mut self) -> io::Result<()> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT]).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        self.pipe = shell.spawn()?.stdin.take();
        self.groups.clone().into_iter().try_for_each(|group| self.write('+', group))
    }
}
