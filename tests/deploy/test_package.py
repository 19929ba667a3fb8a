"""cmake --install and the Debian package: what lies where, and that the installed programs run."""
import glob
import os
import shutil

import harness as h

BUILD = os.environ.get("SKILLSTREAM_BUILD") or os.path.join(h.TOP, "build")
WANTED = ("bin/skillstream", "bin/skillstream-worker", "share/man/man1/skillstream.1.gz", "share/man/man1/skillstream-extract.1.gz",
          "share/bash-completion/completions/skillstream", "share/zsh/vendor-completions/_skillstream",
          "share/fish/vendor_completions.d/skillstream.fish", "share/doc/skillstream/copyright",
          "share/skillstream/proto/skillstream/v1/skill_record.proto")


def files_lie_where_they_belong():
    h.need_file(os.path.join(BUILD, "CMakeCache.txt"), "the build folder")
    prefix = os.path.join(h.scratch(), "prefix")
    h.run("cmake", "--install", BUILD, "--prefix", prefix, "--strip")
    for name in WANTED:
        assert os.path.exists(os.path.join(prefix, name)), name
    stray = [n for n in os.listdir(prefix) if n not in ("bin", "share")]
    assert not stray, stray
    for program in glob.glob(os.path.join(prefix, "bin", "*")):
        assert h.run(program, "--version").stdout.startswith(os.path.basename(program) + " ")


def the_debian_package_holds_the_same():
    if not shutil.which("dpkg-deb") or not shutil.which("dpkg-shlibdeps"):
        print("        no Debian: not tried")
        return
    folder = os.path.join(h.scratch(), "deb")
    h.run("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-G", "DEB", "-B", folder)
    package, = glob.glob(os.path.join(folder, "*.deb"))
    out = os.path.join(h.scratch(), "unpacked")
    h.run("dpkg-deb", "-x", package, out)
    for name in WANTED:
        assert os.path.exists(os.path.join(out, "usr", name)), name
    control = h.run("dpkg-deb", "-f", package).stdout
    version = h.run(os.path.join(out, "usr", "bin", "skillstream"), "--version").stdout.split()[1]
    assert f"\nVersion: {version}\n" in control, control
    for library in ("librdkafka1", "libhiredis", "libopenblas0", "libmicrohttpd12"):
        assert library in control, f"{library} is not among the dependencies"
    if shutil.which("lintian"):
        done = h.run("lintian", "--allow-root", package, check=False)
        assert not done.stdout.strip(), done.stdout


h.main(files_lie_where_they_belong, the_debian_package_holds_the_same)
