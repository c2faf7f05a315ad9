#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Rebuilds guests/puppy/puppy. Needs gcc with -m32 (no libc) and binutils; the same gcc gives the same bytes.
set -eu
cd "$(dirname "$0")"
out=${1:-puppy}
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT
cc=${CC:-gcc}
flags="-m32 -march=i686 -std=c11 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -nostdinc -isystem $($cc -print-file-name=include)
	-mno-sse -mno-mmx -fno-pic -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none
	-fno-strict-aliasing -fno-tree-loop-distribute-patterns -fno-delete-null-pointer-checks -fno-common
	-ffile-prefix-map=$PWD=."
for source in *.c *.S; do
	# shellcheck disable=SC2086
	$cc $flags -c "$source" -o "$objects/$source.o"
done
# The order of the objects is the order of the names in the C locale, whatever the user's.
# shellcheck disable=SC2046
$cc -m32 -nostdlib -static -no-pie -Wl,-m,elf_i386 -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 \
	-Wl,--no-warn-rwx-segments -Wl,-T,puppy.ld -o "$out" $(ls "$objects"/*.o | LC_ALL=C sort)
strip "$out"
if [ "$out" = puppy ]; then
	# From what the committed image was made: a test compares, so that it cannot fall behind its sources.
	{
		$cc --version | head -n 1
		LC_ALL=C sha256sum -- *.S *.c *.h *.ld build.sh puppy
	} > puppy.built
fi
