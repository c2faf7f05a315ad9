// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>
/// Command lines that both launchers understand. <c>@disk:N</c>, <c>@initrd:N</c>: a file of N bytes; <c>@tiny</c>, <c>@puppy</c>:
/// those kernels; <c>@kernel:NAME</c>: one of <see cref="CraftedKernels"/>; <c>@word:N</c>: a word of N letters; <c>@words:N</c>:
/// N words; <c>@empty</c>: an empty word; <c>_</c> in a word behind the kernel: a space.
/// </summary>
internal static class MemoryImageCases
{
    private const string Net = "--tunnet=192.168.19.1:02:11:22:33:44:55";
    private const string SecondNet = "--tunnet=10.1.2.3:fe:dc:ba:98:76:54";
    private const string Bridge = "--tunnet=bridge:br0:02:aa:bb:cc:dd:ee";

    public static IReadOnlyList<string> All { get; } =
    [
        // Devices: none to eight, in many orders.
        "8 @tiny console=hvc0",
        "--rng 8 @tiny",
        "--block=@disk:51200 8 @tiny",
        "--block=@disk:0 8 @tiny",
        "--block=@disk:511 8 @tiny",
        "--block=@disk:512 8 @tiny",
        "--block=@disk:1049087 8 @tiny",
        $"{Net} 8 @tiny",
        $"{Bridge} 8 @tiny",
        "--block=@disk:51200 --rng 8 @tiny",
        "--rng --block=@disk:51200 8 @tiny",
        "--rng --rng 8 @tiny",
        $"{Net} --rng 8 @tiny",
        $"--rng {Net} 8 @tiny",
        $"--block=@disk:51200 {Net} 8 @tiny",
        $"{Net} --block=@disk:51200 8 @tiny",
        $"{Net} {SecondNet} 8 @tiny",
        $"--block=@disk:51200 --rng {Net} 8 @tiny console=hvc0",
        $"--rng {Net} --block=@disk:51200 8 @tiny console=hvc0",
        $"{Net} --block=@disk:51200 --rng 8 @tiny console=hvc0",
        $"{Bridge} --rng {Net} --rng 8 @tiny",
        "--block=@disk:512 --block=@disk:1024 --block=@disk:1536 --block=@disk:2048 8 @tiny",
        $"--block=@disk:512 {Net} --block=@disk:1024 --rng {SecondNet} 8 @tiny",
        $"--rng --rng {Net} --block=@disk:512 --rng --block=@disk:4096 8 @tiny",
        $"{SecondNet} {Bridge} {Net} --rng --block=@disk:512 --block=@disk:1024 --rng 8 @tiny",
        $"--block=@disk:512 --rng {Net} --block=@disk:1024 --rng {SecondNet} --block=@disk:99999 --rng 8 @tiny",
        "--rng --rng --rng --rng --rng --rng --rng --rng 8 @tiny",
        "--block=@disk:1 --block=@disk:2 --block=@disk:3 --block=@disk:512 --block=@disk:5 --block=@disk:6 --block=@disk:7 --block=@disk:8 8 @tiny",
        "--rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng --rng 8 @tiny",

        // Initial RAM disks around page boundaries.
        "--initrd=@initrd:0 8 @tiny",
        "--initrd=@initrd:1 8 @tiny",
        "--initrd=@initrd:4095 8 @tiny",
        "--initrd=@initrd:4096 8 @tiny",
        "--initrd=@initrd:4097 8 @tiny",
        "--initrd=@initrd:8191 8 @tiny root=/dev/ram0",
        "--initrd=@initrd:8192 --rng 8 @tiny",
        "--rng --initrd=@initrd:8193 --block=@disk:512 8 @tiny",
        "--initrd=@initrd:3145733 8 @puppy",
        "--initrd=@initrd:1044480 3 @tiny",

        // Kernels.
        "8 @puppy",
        "--block=@disk:51200 --rng 64 @puppy quiet run=self-test",
        "8 @kernel:tail",
        "8 @kernel:short",
        "8 @kernel:unaligned",
        "8 @kernel:inside",
        "8 @kernel:meeting",
        "8 @kernel:meeting-reversed",
        "8 @kernel:bss",
        "8 @kernel:spread",
        "8 @kernel:bz-byte",
        "8 @kernel:bz-chunk",
        "--rng 8 @kernel:bz console=hvc0",
        "--initrd=@initrd:5000 --block=@disk:51200 8 @kernel:bz-entry console=hvc0",

        // Memory sizes.
        "2 @tiny",
        "3 @puppy",
        "17 @tiny",
        "31 @kernel:bz",
        "33 --rng @tiny",
        "100 @puppy",
        "--initrd=@initrd:123457 128 @tiny",
        "256 @puppy",

        // Command lines.
        "8 @tiny @empty",
        "8 @tiny @empty a @empty b @empty",
        "8 @tiny one_word_with_spaces=\"quoted\" two",
        "8 @tiny name=größe",
        "8 @tiny @word:2047",
        "8 @tiny @word:4096",
        "8 @puppy @words:5000",
        "--initrd=@initrd:4096 8 @tiny @word:20000 end",
    ];
}
