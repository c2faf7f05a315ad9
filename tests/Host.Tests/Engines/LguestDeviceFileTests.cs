// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.InteropServices;
using LguestPlug.Host.Engines;

namespace LguestPlug.Host.Tests.Engines;

/// <summary>Ordinary files play the device here: what is tested is how it is found.</summary>
public sealed class LguestDeviceFileTests : IDisposable
{
    private readonly string _scratch = Directory.CreateTempSubdirectory("lguest-device").FullName;

    public void Dispose() => Directory.Delete(_scratch, recursive: true);

    [Fact]
    public void Every_boot_opens_it_anew_in_its_folder_wherever_that_is_by_then()
    {
        var folder = Directory.CreateDirectory(Path.Combine(_scratch, "dev")).FullName;
        File.WriteAllBytes(Path.Combine(folder, "lguest"), [1, 2, 3, 4]);
        using var opened = LguestDeviceFile.OpenFolder(folder);
        using var first = new LguestDeviceFile(opened);

        // As from inside another root directory: the old name leads nowhere.
        Directory.Move(folder, Path.Combine(_scratch, "elsewhere"));
        using var second = new LguestDeviceFile(opened);
        Assert.Equal(nint.Size, first.Write([0x55]));
        var buffer = new byte[nint.Size];
        Assert.Equal(nint.Size, second.Read(buffer));
        Assert.Equal(0x55, MemoryMarshal.Read<nint>(buffer));
        Assert.Equal(nint.Size, second.Write([0x66]));
        Assert.Equal(nint.Size, first.Read(buffer));
        Assert.Equal(0x66, MemoryMarshal.Read<nint>(buffer));
    }

    [Fact]
    public void One_that_is_gone_is_one_line()
    {
        using var opened = LguestDeviceFile.OpenFolder(_scratch);
        Assert.Equal("cannot open /dev/lguest: No such file or directory", Assert.Throws<HostException>(() => new LguestDeviceFile(opened)).Message);
        Assert.Equal("cannot open /no/such: No such file or directory", Assert.Throws<HostException>(() => LguestDeviceFile.OpenFolder("/no/such")).Message);
    }
}
