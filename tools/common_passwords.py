"""Write erp/domain/account/common_passwords.bin from a list of passwords that were found in breaches.

    .venv/bin/python tools/common_passwords.py 10_million_password_list_top_1M.txt

The list is SecLists' "10 million password list, top 1M" (MIT), one password a line, the most common first.
"""

import sys
from pathlib import Path

from erp.domain.account.guessing import DIGEST_SIZE, FILE, MIN_CORE, digest, plain

MIN_LENGTH = 10  # shorter ones are refused for their length
COMMON_WORDS = 100_000  # of so many most common passwords, those of letters alone are what people put a year behind
# Known to everybody, and in no list of passwords.
SAYINGS = """
correct horse battery staple
the quick brown fox
the quick brown fox jumps over the lazy dog
to be or not to be
to be or not to be that is the question
may the force be with you
all your base are belong to us
never gonna give you up
once upon a time
lorem ipsum dolor sit amet
in the beginning was the word
four score and seven years ago
it was the best of times
winter is coming
open sesame
""".strip().splitlines()


def main() -> None:
    """Read the list named on the command line, and write the digests in order."""
    chosen = {plain(saying) for saying in SAYINGS}
    with Path(sys.argv[1]).open(encoding="utf-8", errors="replace") as lines:
        for rank, line in enumerate(lines):
            password = plain(line)
            word = rank < COMMON_WORDS and password.isalpha() and len(password) >= MIN_CORE
            if word or len(password) >= MIN_LENGTH:
                chosen.add(password)
    Path(str(FILE)).write_bytes(b"".join(sorted({digest(password) for password in chosen})))
    print(f"{len(chosen)} passwords, {DIGEST_SIZE * len(chosen) // 1000} kB")


if __name__ == "__main__":
    main()
