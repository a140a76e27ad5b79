//! What a tuner that is killed leaves running ends as well.
//!
//! A shell beside the tuner reads from a pipe which process groups are running. The pipe is closed once the tuner is
//! gone, however it went, and then the shell kills the groups that are left. (The signal that Linux sends to the
//! children of a process that dies reaches only the first of a group, and any program can turn it off.)

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Reads `+ GROUP` and `- GROUP` a line; a job that is told to end needs it to the last.
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

/// The shell of this process, and the groups that it has been told of.
static WATCH: Mutex<Watch> = Mutex::new(Watch { pipe: None, groups: BTreeSet::new() });

struct Watch {
    pipe: Option<ChildStdin>,
    groups: BTreeSet<u32>,
}

/// The group that `child` leads ends with this process, until this is dropped.
pub(crate) struct Bond(u32);

impl Bond {
    /// Binds the group of `child`.
    ///
    /// # Errors
    /// The shell cannot be started.
    pub fn new(child: &Child) -> io::Result<Self> {
        let group = child.id();
        let mut watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner);
        watch.groups.insert(group);
        // A shell that somebody has ended is started anew.
        if watch.tell('+', group).is_err() {
            watch.start()?;
        }
        Ok(Self(group))
    }
}

impl Drop for Bond {
    fn drop(&mut self) {
        let mut watch = WATCH.lock().unwrap_or_else(PoisonError::into_inner);
        watch.groups.remove(&self.0);
        // Without a shell there is nobody to tell.
        let _ = watch.tell('-', self.0);
    }
}

impl Watch {
    fn tell(&mut self, sign: char, group: u32) -> io::Result<()> {
        let pipe = self.pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        pipe.write_all(format!("{sign} {group}\n").as_bytes())
    }

    /// Starts a shell that knows of all groups. It holds nothing of this process open: no output, no folder, no group.
    fn start(&mut self) -> io::Result<()> {
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT]).current_dir("/");
        shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut shell, 0);
        self.pipe = shell.spawn()?.stdin.take();
        self.groups.clone().into_iter().try_for_each(|group| self.tell('+', group))
    }
}
