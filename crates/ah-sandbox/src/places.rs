//! The places that every sandboxed agent may use: the documented list (`docs/isolation.md`).

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Readable places of every host: programs, libraries, settings of the host.
pub(crate) const HOST: &[&str] = &[
    "/bin",
    "/etc",
    "/gnu",
    "/home/linuxbrew",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix",
    "/opt",
    "/proc",
    "/run/NetworkManager",
    "/run/current-system",
    "/run/nscd",
    "/run/opengl-driver",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/sbin",
    "/snap",
    "/sys",
    "/usr",
    "/var/cache/fontconfig",
    "/var/lib/ca-certificates",
];

/// Readable places of the user's home: toolchains, package caches, and settings of git and editors.
pub(crate) const HOME: &[&str] = &[
    ".asdf",
    ".bun",
    ".bundle",
    ".cache",
    ".cargo",
    ".config/fontconfig",
    ".config/git",
    ".config/mise",
    ".config/pip",
    ".config/uv",
    ".deno",
    ".editorconfig",
    ".gem",
    ".gitconfig",
    ".gitignore",
    ".gitignore_global",
    ".goenv",
    ".gradle",
    ".jenv",
    ".local/bin",
    ".local/lib",
    ".local/pipx",
    ".local/share/fnm",
    ".local/share/fonts",
    ".local/share/mise",
    ".local/share/pipx",
    ".local/share/pnpm",
    ".local/share/rtx",
    ".local/share/uv",
    ".local/share/virtualenvs",
    ".m2",
    ".nodenv",
    ".npm",
    ".npm-global",
    ".nuget",
    ".nvm",
    ".opam",
    ".pub-cache",
    ".pyenv",
    ".rbenv",
    ".rustup",
    ".rvm",
    ".sdkman",
    ".stack",
    ".swiftpm",
    ".terminfo",
    ".tool-versions",
    ".volta",
    ".yarn",
    "go",
];

/// Secrets within the places above and beside them. Nothing makes them readable but a configured
/// place inside of them.
pub(crate) const HOST_SECRETS: &[&str] = &[
    "/etc/gshadow",
    "/etc/gshadow-",
    "/etc/shadow",
    "/etc/shadow-",
    "/etc/ssh/ssh_host_dsa_key",
    "/etc/ssh/ssh_host_ecdsa_key",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_rsa_key",
    "/etc/ssl/private",
    "/etc/sudoers",
    "/etc/sudoers.d",
];

/// Secrets of a user's home, as [`HOST_SECRETS`].
pub(crate) const HOME_SECRETS: &[&str] = &[
    ".aws",
    ".azure",
    ".bundle/config",
    ".cache/keyring",
    ".cache/mozilla",
    ".cache/google-chrome",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".config/gcloud",
    ".config/gh",
    ".config/git/credentials",
    ".config/pip/pip.conf",
    ".docker",
    ".gem/credentials",
    ".git-credentials",
    ".gnupg",
    ".gradle/gradle.properties",
    ".kube",
    ".local/share/keyrings",
    ".m2/settings-security.xml",
    ".m2/settings.xml",
    ".netrc",
    ".nuget/NuGet",
    ".password-store",
    ".ssh",
];

/// Devices that processes write to.
pub(crate) const DEVICES: &[&str] = &[
    "/dev/full",
    "/dev/null",
    "/dev/ptmx",
    "/dev/pts",
    "/dev/random",
    "/dev/shm",
    "/dev/tty",
    "/dev/urandom",
    "/dev/zero",
];

/// Places that a mount namespace covers, besides the home and the state: those of the sockets and
/// temporary files of other programs.
pub(crate) const COVERED: &[&str] = &["/run", "/tmp", "/var/tmp"];

/// Covered places that get an empty, writable folder of the sandbox's own.
pub(crate) const SCRATCH: &[&str] = &["/tmp", "/var/tmp"];

/// The variables that name places of toolchains and certificates, as lists like that of `PATH`.
const VARIABLES: &[&str] = &[
    "ASDF_DATA_DIR",
    "ASDF_DIR",
    "BUN_INSTALL",
    "CARGO_HOME",
    "CLAUDE_CODE_EXECUTABLE",
    "CODEX_PATH",
    "CONDA_PREFIX",
    "CURL_CA_BUNDLE",
    "DENO_DIR",
    "FNM_DIR",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_EXEC_PATH",
    "GIT_SSL_CAINFO",
    "GOPATH",
    "GOROOT",
    "JAVA_HOME",
    "LD_LIBRARY_PATH",
    "MISE_DATA_DIR",
    "NODE_EXTRA_CA_CERTS",
    "NODE_PATH",
    "NVM_DIR",
    "PLAYWRIGHT_BROWSERS_PATH",
    "PNPM_HOME",
    "PYENV_ROOT",
    "PYTHONPATH",
    "RBENV_ROOT",
    "REQUESTS_CA_BUNDLE",
    "RUSTUP_HOME",
    "SDKMAN_DIR",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "VIRTUAL_ENV",
    "VOLTA_HOME",
];

/// Returns the places that the user's variables name: `PATH`, toolchains, certificates.
///
/// A folder of programs named `bin` stands for the folder around it, which has their libraries.
#[must_use]
pub fn toolchain_places(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let lists = |name: &str| {
        let value = variable(name).unwrap_or_default();
        let paths: Vec<PathBuf> = std::env::split_paths(&value).collect();
        paths.into_iter().filter(|path| path.is_absolute())
    };
    let mut places: Vec<PathBuf> = VARIABLES.iter().flat_map(|name| lists(name)).collect();
    for path in lists("PATH") {
        places.extend(surrounding(&path));
        places.push(path);
    }
    places.sort();
    places.dedup();
    places
}

/// Returns the folder around a folder of programs.
pub(crate) fn surrounding(programs: &Path) -> Option<PathBuf> {
    let is_bin = programs.file_name().is_some_and(|name| name == "bin");
    is_bin.then(|| programs.parent().map(Path::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_name_places_and_a_bin_folder_its_surroundings() {
        let variable = |name: &str| match name {
            "PATH" => Some("/opt/node/bin:relative:/usr/games:".into()),
            "JAVA_HOME" => Some("/jdk".into()),
            "AWS_CONFIG_FILE" => Some("/secret".into()),
            _ => None,
        };
        let places = toolchain_places(variable);
        let expected = ["/jdk", "/opt/node", "/opt/node/bin", "/usr/games"];
        assert_eq!(places, expected.map(PathBuf::from));
    }

    #[test]
    fn lists_are_sorted_so_that_a_place_is_found_in_them() {
        for list in [HOST, HOME, HOST_SECRETS, DEVICES, COVERED, VARIABLES] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
