// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Text;
using LguestPlug.Shared;
using Microsoft.Win32.SafeHandles;
using static Tmds.Linux.LibC;

namespace LguestPlug.Net;

/// <summary>
/// A tap interface: what is written to it, the host receives as if from a network card, and the other way round. Every packet
/// has the virtio header of <see cref="HeaderSize"/> bytes in front, in both directions.
/// </summary>
internal sealed unsafe class TapInterface : IDisposable
{
    /// <summary>Bytes of the legacy header without merged receive buffers (virtio 0.9.5, appendix C).</summary>
    internal const int HeaderSize = 10;

    private const string TunDevice = "/dev/net/tun";
    private const string NamePattern = "tap%d";

    private TapInterface(SafeFileHandle handle, string name)
    {
        Handle = handle;
        Name = name;
    }

    /// <summary>Non-blocking: one read or write is one packet.</summary>
    internal SafeFileHandle Handle { get; }

    /// <summary>The interface's name on the host.</summary>
    internal string Name { get; }

    public void Dispose() => Handle.Dispose();

    /// <summary>Makes a tap interface, or connects to one.</summary>
    /// <param name="name">The interface; null for a new one.</param>
    /// <exception cref="DeviceSetupException">With what is missing and how to get it.</exception>
    internal static TapInterface Open(string? name)
    {
        SafeFileHandle handle = LinuxFile.TryOpen(TunDevice, O_RDWR | O_NONBLOCK, out int error)
            ?? throw new DeviceSetupException(ExplainOpen(error));
        try
        {
            var request = new InterfaceRequest
            {
                Flags = TunProtocol.Tap | TunProtocol.NoPacketInformation | TunProtocol.VirtioNetHeader,
            };
            PutName(ref request, name ?? NamePattern);
            if (ioctl(handle.Number(), TunProtocol.SetInterface, &request) != 0)
                throw new DeviceSetupException(ExplainSetInterface(name, errno));

            var tap = new TapInterface(handle, GetName(request));

            // An interface made by someone else may have been used with another header.
            int size = HeaderSize;
            if (ioctl(handle.Number(), TunProtocol.SetHeaderSize, &size) != 0)
                throw new DeviceSetupException($"cannot set the packet header of {tap.Name}: {LinuxFile.TextOf(errno)}");

            if (tap.TrySetOffload(TunOffload.All) is not 0 and int refused)
                throw new DeviceSetupException($"the tun driver of this kernel lacks checksum and segmentation offload: {LinuxFile.TextOf(refused)}");

            return tap;
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Says what kinds of packets the guest takes. Needs no privileges.</summary>
    /// <returns>0 or the error number.</returns>
    internal int TrySetOffload(TunOffload offload) => ioctl(Handle.Number(), TunProtocol.SetOffload, (int)offload) == 0 ? 0 : errno;

    /// <summary>Makes the interface a port of a bridge.</summary>
    internal void AddToBridge(string bridge)
    {
        InterfaceRequest request = default;
        PutName(ref request, Name);
        if (Configure(SIOCGIFINDEX, &request) is not 0 and int missing)
            throw new DeviceSetupException($"cannot find interface {Name}: {LinuxFile.TextOf(missing)}");

        int index = request.Index;
        request = new InterfaceRequest { Index = index };
        PutName(ref request, bridge);
        int error = Configure(TunProtocol.AddToBridge, &request);
        if (error == 0)
            return;

        string reason = error switch
        {
            _ when error == ENODEV => $"there is no interface {bridge}; make the bridge first: ip link add {bridge} type bridge",
            _ when error == EOPNOTSUPP || error == EINVAL => $"{bridge} is not a bridge",
            _ when error == EBUSY => $"{Name} is a port of a bridge already",
            _ when error == EPERM => "that needs the capability CAP_NET_ADMIN: run as root",
            _ => LinuxFile.TextOf(error),
        };
        throw new DeviceSetupException($"cannot add {Name} to bridge {bridge}: {reason}");
    }

    /// <summary>Gives the host's end its address; the netmask is that of the address's class.</summary>
    internal void SetAddress(IPv4Address address)
    {
        var request = new InterfaceRequest
        {
            AddressFamily = (ushort)AF_INET,
            Address = BitConverter.IsLittleEndian ? BinaryPrimitives.ReverseEndianness(address.Value) : address.Value,
        };
        PutName(ref request, Name);
        if (Configure(SIOCSIFADDR, &request) is not 0 and int error)
            throw new DeviceSetupException($"cannot give {Name} the address {address}: {ExplainConfigure(error)}");
    }

    /// <summary>Lets packets flow.</summary>
    internal void BringUp()
    {
        InterfaceRequest request = default;
        PutName(ref request, Name);
        int error = Configure(SIOCGIFFLAGS, &request);
        if (error == 0)
        {
            request.Flags |= TunProtocol.Up;
            error = Configure(SIOCSIFFLAGS, &request);
        }

        if (error != 0)
            throw new DeviceSetupException($"cannot bring {Name} up: {ExplainConfigure(error)}");
    }

    private static int Configure(int operation, InterfaceRequest* request)
    {
        // Any socket will do; it only says that this is about the network of this process.
        int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (descriptor < 0)
            return errno;

        using var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        return ioctl(descriptor, operation, request) < 0 ? errno : 0;
    }

    private static string ExplainOpen(int error)
    {
        string reason = error switch
        {
            _ when error == ENOENT => "it does not exist; load the kernel module (modprobe tun), or give the container the device",
            _ when error == ENODEV || error == ENXIO => "the kernel has no tun driver; load the module (modprobe tun)",
            _ when error == EACCES || error == EPERM => "no permission; run as root or in the group the device belongs to",
            _ => LinuxFile.TextOf(error),
        };
        return $"cannot open {TunDevice}: {reason}";
    }

    private static string ExplainSetInterface(string? name, int error)
    {
        string what = name is null ? "make a tap interface" : $"use tap interface {name}";
        string reason = error switch
        {
            _ when error == EPERM && name is null =>
                "that needs the capability CAP_NET_ADMIN; run as root, or use one made for you (ip tuntap add dev tap0 mode tap user YOU) with tap=tap0",
            _ when error == EPERM => "it is not yours, or does not exist; making one needs the capability CAP_NET_ADMIN",
            _ when error == EBUSY => "another program uses it",
            _ when error == EINVAL => "there is an interface of that name which is not such a tap",
            _ => LinuxFile.TextOf(error),
        };
        return $"cannot {what}: {reason}";
    }

    private static string ExplainConfigure(int error) =>
        error == EPERM ? "that needs the capability CAP_NET_ADMIN; run as root, or leave out ip and bridge" : LinuxFile.TextOf(error);

    private static void PutName(ref InterfaceRequest request, string name)
    {
        fixed (byte* start = request.Name)
            Encoding.ASCII.GetBytes(name, new Span<byte>(start, InterfaceName.Capacity - 1));
    }

    private static string GetName(InterfaceRequest request) =>
        Encoding.ASCII.GetString(new ReadOnlySpan<byte>(request.Name, InterfaceName.Capacity)).TrimEnd('\0');
}
