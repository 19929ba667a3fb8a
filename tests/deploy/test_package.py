"""cmake --install and the Debian package: what lies where, and that the installed programs run."""
import glob
import os
import shutil
import time

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


def with_a_given_date_the_package_has_the_same_bytes():
    if not shutil.which("dpkg-deb") or not shutil.which("dpkg-shlibdeps"):
        print("        no Debian: not tried")
        return
    contents = []
    for name in ("one", "two"):
        folder = os.path.join(h.scratch(), name)
        os.utime(os.path.join(BUILD, "pages", "changelog.gz"))  # an installed file that is made when CMake configures
        h.run("cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-G", "DEB", "-B", folder,
              env=dict(os.environ, SOURCE_DATE_EPOCH="1700000000"))
        package, = glob.glob(os.path.join(folder, "*.deb"))
        with open(package, "rb") as file:
            contents.append(file.read())
        time.sleep(1.1)  # file times have whole seconds there
    assert contents[0] == contents[1]


h.main(files_lie_where_they_belong, the_debian_package_holds_the_same, with_a_given_date_the_package_has_the_same_bytes)
