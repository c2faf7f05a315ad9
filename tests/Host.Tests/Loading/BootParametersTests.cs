// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using LguestPlug.Host.Loading;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Host.Tests.Loading;

public sealed class BootParametersTests : IDisposable
{
    private readonly GuestRamFixture _guest = new(16);

    public void Dispose() => _guest.Dispose();

    /// <summary>Offset and bytes of everything that is not zero in the first two pages.</summary>
    private static readonly (int Offset, byte[] Bytes)[] s_always =
    [
        (0x1e8, [1]),
        (0x206, [0x07, 0x02]),
        (0x211, [0x40]),
        (0x228, [0x00, 0x10, 0, 0]),
        (0x230, [0, 0, 0, 1]),
        (0x23c, [1, 0, 0, 0]),
        (0x2d8, [0, 0, 0, 1, 0, 0, 0, 0]),
        (0x2e0, [1, 0, 0, 0]),
    ];

    private void ExpectExactly(params (int Offset, byte[] Bytes)[] expected)
    {
        var page = new byte[0x2000];
        foreach (var (offset, bytes) in expected)
            bytes.CopyTo(page, offset);
        Assert.Equal(page, _guest.Bytes[..0x2000].ToArray());
    }

    [Fact]
    public void Exactly_the_needed_fields_are_set()
    {
        BootParameters.Write(_guest.Ram, ["console=hvc0", "root=/dev/vda"], null, NullLogger.Instance);
        ExpectExactly([.. s_always, (0x1000, Encoding.ASCII.GetBytes("console=hvc0 root=/dev/vda\0"))]);
    }

    [Fact]
    public void No_words_make_an_empty_command_line()
    {
        BootParameters.Write(_guest.Ram, [], null, NullLogger.Instance);
        ExpectExactly(s_always);
    }

    [Theory]
    [InlineData(1, 0x1000)]
    [InlineData(4095, 0x1000)]
    [InlineData(4096, 0x1000)]
    [InlineData(4097, 0x2000)]
    [InlineData(0, 0)]
    public void The_initrd_is_at_the_top_in_whole_pages_and_announced(int length, int size)
    {
        var content = Enumerable.Range(0, length).Select(i => (byte)(i | 1)).ToArray();
        var initrd = InitialRamDisk.Load(_guest.File(content, "initrd"), _guest.Ram, NullLogger.Instance);
        BootParameters.Write(_guest.Ram, [], initrd, NullLogger.Instance);

        var address = (16 << 20) - size;
        Assert.Equal(content, _guest.Bytes.Slice(address, length).ToArray());
        Assert.True(_guest.Bytes[(address + length)..].IndexOfAnyExcept((byte)0) < 0);
        ExpectExactly([.. s_always, (0x210, [0xff]), (0x218, BitConverter.GetBytes(address)), (0x21c, BitConverter.GetBytes(size))]);
    }

    [Fact]
    public void An_initrd_that_does_not_fit_says_so_with_the_sizes()
    {
        var file = _guest.File(new byte[(16 << 20) + 1], "initrd");
        var message = Assert.Throws<HostException>(() => InitialRamDisk.Load(file, _guest.Ram, NullLogger.Instance)).Message;
        Assert.Contains("does not fit: it has 16777217 bytes, the guest's memory 16777216 (16 MB)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_initrd_over_the_kernel_is_refused()
    {
        _guest.Ram.Claim(0x100000, 15 << 20, "kernel image 'k' section 0");
        var file = _guest.File(new byte[5000], "initrd");
        var message = Assert.Throws<HostException>(() => InitialRamDisk.Load(file, _guest.Ram, NullLogger.Instance)).Message;
        Assert.Contains("overlaps kernel image 'k' section 0", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_kernel_in_the_boot_parameters_is_refused()
    {
        _guest.Ram.Claim(0xfff, 1, "kernel image 'k' section 0");
        var message = Assert.Throws<HostException>(() => BootParameters.Write(_guest.Ram, [], null, NullLogger.Instance)).Message;
        Assert.Contains("the boot parameter page (0x0 to 0x1000) overlaps kernel image", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_command_line_that_reaches_the_kernel_is_refused()
    {
        _guest.Ram.Claim(0x100000, 0x1000, "kernel image 'k' section 0");
        Assert.Throws<HostException>(() => BootParameters.Write(_guest.Ram, [new string('x', 0xff000)], null, NullLogger.Instance));
    }
}
