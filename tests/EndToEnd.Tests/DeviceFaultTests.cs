// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.EndToEnd.Tests;

/// <summary>A guest breaks a ring of its console: what becomes of it.</summary>
public sealed class DeviceFaultTests : IDisposable
{
    private const string Fault = "lguest: console0: queue transmit: the available index moved from 0 to 300, further than the 256 entries of the ring";

    private readonly Scratch _scratch = new();

    private string Guest => _scratch.File("guest", BrokenRingGuest.Image());

    public void Dispose() => _scratch.Dispose();

    [Theory]
    [InlineData]
    [InlineData("--on-device-fault", "stop")]
    public void The_machine_stops(params string[] options) =>
        Assert.Equal((1, "", Fault + "\n"), LguestProcess.Run([.. options, "64", Guest]));

    [Fact]
    public void Or_the_guest_goes_on_without_it()
    {
        const string Detached = Fault + "; the device is detached, the guest goes on without it\n";
        using var process = LguestProcess.Start("--on-device-fault", "detach", "64", Guest);
        process.WaitForErrors(Detached);
        process.Signal(15);
        Assert.Equal(143, process.WaitForExit());
        Assert.Equal(Detached + "lguest: stopped by SIGTERM\n", process.Errors);
    }

    [Fact]
    public void Nothing_else_is_understood() =>
        Assert.Equal((2, "", "lguest: --on-device-fault is 'stop' or 'detach', not 'ignore'\n"), LguestProcess.Run("--on-device-fault", "ignore", "64", Guest));
}
