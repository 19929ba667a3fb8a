"""Writes common/text/normalise_tables.h: how the Rust package `tokenizers` sorts every Unicode character.

The package carries its own, older Unicode tables, so a character class asked from a newer library gives other ids for
a few hundred characters. Its normaliser and pre-tokeniser are asked about each character instead.

    python3 make_char_tables.py > ../../common/text/normalise_tables.h && clang-format -i ...
"""

import tokenizers
from tokenizers import normalizers, pre_tokenizers


def normaliser(**on):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**off, **on})


def ranges(belongs):
    found = []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000 or not belongs(chr(c)):
            continue
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    return found


def main():
    clean, accents, cjk = normaliser(clean_text=True), normaliser(strip_accents=True), normaliser(handle_chinese_chars=True)
    split = pre_tokenizers.BertPreTokenizer()
    words = lambda text: [word for word, _ in split.pre_tokenize_str(text)]
    tables = [
        ("dropped", "Control, format, private use and U+FFFD: what clean_text removes.",
         ranges(lambda c: clean.normalize_str("a" + c + "b") == "ab")),
        ("marks", "Nonspacing marks: what strip_accents removes.",
         ranges(lambda c: accents.normalize_str("a" + c + "b") == "ab")),
        ("punctuation", "What the pre-tokeniser isolates, beyond ASCII.",
         ranges(lambda c: ord(c) > 127 and words("a" + c + "b") == ["a", c, "b"])),
        ("blanks", "What the pre-tokeniser splits at and drops.", ranges(lambda c: words("a" + c + "b") == ["a", "b"])),
        ("ideographs", "What handle_chinese_chars puts blanks around.",
         ranges(lambda c: cjk.normalize_str("a" + c + "b") == "a " + c + " b")),
    ]
    print(f"""/* normalise_tables.h - character classes as Hugging Face's `tokenizers` {tokenizers.__version__} has them.
 *
 * Written by tests/golden/make_char_tables.py, which asks that package about every character; its tables are older than
 * those of utf8proc, and ids have to agree. Sorted ranges, both ends included.
 */
#ifndef SKILLSTREAM_TEXT_NORMALISE_TABLES_H
#define SKILLSTREAM_TEXT_NORMALISE_TABLES_H

#include <stdint.h>

typedef struct char_range {{
    int32_t first, last;
}} char_range;
""")
    for name, story, found in tables:
        print(f"/* {story} */\nstatic const char_range {name}[] = {{")
        print(", ".join(f"{{0x{a:x}, 0x{b:x}}}" for a, b in found) + "};\n")
    print("#endif")


if __name__ == "__main__":
    main()
