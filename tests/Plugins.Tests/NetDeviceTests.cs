// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using LguestPlug.Net;
using LguestPlug.Testing;
using LguestPlug.Virtio;

namespace LguestPlug.Plugins.Tests;

/// <summary>The network card, with real taps in a network namespace.</summary>
public class NetDeviceTests
{
    private const int Receive = 0;
    private const int Transmit = 1;
    private const int HeaderSize = 10;
    private const ushort TypeIp = 0x0800;
    private const ushort TypeArp = 0x0806;
    private static readonly byte[] s_guestMac = [2, 0x11, 0x22, 0x33, 0x44, 0x55];
    private static readonly byte[] s_hostIp = [192, 168, 19, 1];
    private static readonly byte[] s_guestIp = [192, 168, 19, 2];

    private readonly RecordingContext _context = new() { Name = "net0" };

    private VirtioDevice Create(string? link, string? tap = null) => new NetPlugin().Create(
        new NetOptions { Link = link is null ? null : HostLink.Parse(link, null), Tap = tap }, _context);

    [Fact]
    public void ConstantsAndLayoutsAgreeWithTheKernelsHeaders() => Assert.Equal(
        CCompiler.Evaluate(
            ["sys/ioctl.h", "net/if.h", "linux/if_tun.h", "linux/sockios.h", "netinet/in.h", "linux/virtio_net.h", "linux/virtio_ids.h"],
            "TUNSETIFF",
            "TUNSETOFFLOAD",
            "TUNSETVNETHDRSZ",
            "SIOCBRADDIF",
            "IFF_UP",
            "IFF_TAP",
            "IFF_NO_PI",
            "IFF_VNET_HDR",
            "TUN_F_CSUM",
            "TUN_F_TSO4",
            "TUN_F_TSO6",
            "TUN_F_TSO_ECN",
            "IFNAMSIZ",
            "sizeof(struct ifreq) <= 40",
            "offsetof(struct ifreq, ifr_flags)",
            "offsetof(struct ifreq, ifr_ifindex)",
            "offsetof(struct ifreq, ifr_addr) + offsetof(struct sockaddr_in, sin_addr)",
            "sizeof(struct virtio_net_hdr)",
            "VIRTIO_ID_NET",
            "1 << VIRTIO_NET_F_CSUM | 1 << VIRTIO_NET_F_GUEST_CSUM | 1 << VIRTIO_NET_F_GUEST_TSO4 | 1 << VIRTIO_NET_F_GUEST_TSO6"
                + " | 1 << VIRTIO_NET_F_GUEST_ECN | 1 << VIRTIO_NET_F_HOST_TSO4 | 1 << VIRTIO_NET_F_HOST_TSO6 | 1 << VIRTIO_NET_F_HOST_ECN",
            "1 << VIRTIO_NET_F_MAC"),
        new long[]
        {
            TunProtocol.SetInterface,
            TunProtocol.SetOffload,
            TunProtocol.SetHeaderSize,
            TunProtocol.AddToBridge,
            TunProtocol.Up,
            TunProtocol.Tap,
            TunProtocol.NoPacketInformation,
            TunProtocol.VirtioNetHeader,
            (long)TunOffload.Checksum,
            (long)TunOffload.Tso4,
            (long)TunOffload.Tso6,
            (long)TunOffload.TsoEcn,
            InterfaceName.Capacity,
            1,
            16,
            16,
            20,
            TapInterface.HeaderSize,
            1,
            (long)NetFeatures.Offloads,
            (long)NetFeatures.Mac,
        });

    [Fact]
    public void RequestStructureIsAsLargeAsTheKernels() => Assert.Equal(40, Unsafe.SizeOf<InterfaceRequest>());

    [Fact]
    public void IsWhatTheCLauncherOffers() => NetworkNamespace.Run(() =>
    {
        using VirtioDevice device = Create("192.168.19.1:02:11:22:33:44:55");
        Assert.Equal(1, device.DeviceId);
        Assert.Equal([0xA3, 0x3B, 0x00, 0x10], BitConverter.GetBytes((uint)device.Features));
        Assert.Equal("0211223344550000", Convert.ToHexString(device.Config.Span));
        Assert.Equal([256, 256], device.Queues.Select(q => (int)q.Size));
        Assert.Equal("tun tap0: 192.168.19.1", device.Description);

        using VirtioDevice without = Create("192.168.20.1");
        Assert.Equal([0x83, 0x3B, 0x00, 0x10], BitConverter.GetBytes((uint)without.Features));
        Assert.Equal("0000000000000000", Convert.ToHexString(without.Config.Span));
    });

    [Theory]
    [InlineData(0ul, 0)]
    [InlineData(0x80ul, 0)]
    [InlineData(0x02ul, 1)]
    [InlineData(0x82ul, 3)]
    [InlineData(0x102ul, 5)]
    [InlineData(0x202ul, 1)]
    [InlineData(0x3B83ul, 15)]
    public void AsksTheTapForWhatTheGuestTakesAndNoMore(ulong accepted, int offload) =>
        Assert.Equal((TunOffload)offload, NetDevice.OffloadFor((NetFeatures)accepted));

    [Fact]
    public void SetsTheHostsAddressAndBringsTheInterfaceUp() => NetworkNamespace.Run(() =>
    {
        using VirtioDevice device = Create("192.168.19.1");
        Assert.Contains("inet 192.168.19.1/24", NetworkNamespace.Ip("-o", "address", "show", "dev", "tap0"), StringComparison.Ordinal);
        Assert.Contains(",UP", NetworkNamespace.Ip("-o", "link", "show", "dev", "tap0"), StringComparison.Ordinal);
    });

    [Fact]
    public void BecomesAPortOfABridge() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("link", "add", "br7", "type", "bridge");
        using VirtioDevice device = Create("bridge:br7");
        string link = NetworkNamespace.Ip("-o", "link", "show", "dev", "tap0");
        Assert.Contains("master br7", link, StringComparison.Ordinal);
        Assert.Contains(",UP", link, StringComparison.Ordinal);
        Assert.Equal("tun tap0 attached to bridge: br7", device.Description);
    });

    [Fact]
    public void UsesATapMadeBeforehandAsItIs() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap", "add", "dev", "mine", "mode", "tap", "vnet_hdr");
        using VirtioDevice device = Create(null, "mine");
        Assert.Equal("tun mine", device.Description);
        Assert.DoesNotContain(",UP", NetworkNamespace.Ip("-o", "link", "show", "dev", "mine"), StringComparison.Ordinal);
        Assert.Equal("cannot use tap interface mine: another program uses it", Assert.Throws<DeviceSetupException>(() => Create(null, "mine")).Message);
    });

    [Fact]
    public void ExplainsWhatIsMissing() => NetworkNamespace.Run(() =>
    {
        Assert.Equal(
            "cannot add tap0 to bridge br9: there is no interface br9; make the bridge first: ip link add br9 type bridge",
            Assert.Throws<DeviceSetupException>(() => Create("bridge:br9")).Message);
        Assert.Equal("cannot add tap0 to bridge lo: lo is not a bridge", Assert.Throws<DeviceSetupException>(() => Create("bridge:lo")).Message);
        Assert.Equal(
            "cannot use tap interface lo: there is an interface of that name which is not such a tap",
            Assert.Throws<DeviceSetupException>(() => Create(null, "lo")).Message);
    });

    /// <summary>
    /// The host's own network speaks with a guest of a few lines: the host looks for the guest, the guest answers, and a datagram
    /// goes each way.
    /// </summary>
    [Fact]
    public void CarriesPacketsBothWays() => NetworkNamespace.Run(() =>
    {
        using DeviceBench bench = new(Create("192.168.19.1:02:11:22:33:44:55"));
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Parse("192.168.19.1"), 7000));

        // Without offloads the host fills in every checksum, so that the packets can be compared whole.
        bench.Start(VirtioFeatures.IndirectDescriptors);
        for (int i = 0; i < 16; i++)
        {
            GuestBuffer buffer = bench.Allocate(HeaderSize + 1514);
            bench.Queues[Receive].Add([], DeviceBench.Cut(buffer, HeaderSize), i % 2 == 0 ? null : bench.Allocate(64).Address);
            _buffers.Add(buffer);
        }

        bench.Queues[Receive].Kick();
        socket.Send("hello guest"u8, "192.168.19.2", 7001);

        byte[] question = ReceiveFrame(bench, TypeArp);
        byte[] hostMac = question[6..12];
        byte[] answer = [.. hostMac, .. s_guestMac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, .. s_guestMac, .. s_guestIp, .. hostMac, .. s_hostIp];
        SendFrame(bench, answer);

        byte[] datagram = ReceiveFrame(bench, TypeIp);
        Assert.Equal(s_guestMac, datagram[..6]);
        Assert.Equal("hello guest"u8.ToArray(), datagram[42..]);
        bench.WaitForInterrupt(Receive);

        SendFrame(bench, Datagram(hostMac, 7001, 7000, "hello host"u8));
        Task<UdpReceiveResult> received = socket.ReceiveAsync();
        Assert.True(received.Wait(DeviceBench.Patience));
        Assert.Equal("hello host"u8.ToArray(), received.Result.Buffer);
        Assert.Equal("192.168.19.2:7001", received.Result.RemoteEndPoint.ToString());
        Assert.Empty(_context.Complaints);
    });

    /// <summary>Packets that wait are all given before the guest is interrupted, once.</summary>
    [Fact]
    public void HoldsTheInterruptBackWhileMorePacketsWait() => NetworkNamespace.Run(() =>
    {
        const int Packets = 8;
        NetworkNamespace.SwitchOffIPv6();
        using DeviceBench bench = new(Create("192.168.19.1:02:11:22:33:44:55"));
        NetworkNamespace.Ip("neighbour", "add", "192.168.19.2", "lladdr", "02:11:22:33:44:55", "dev", "tap0");
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Parse("192.168.19.1"), 7000));
        for (int i = 0; i < Packets; i++)
            socket.Send("packet"u8, "192.168.19.2", 7001);

        for (int i = 0; i < 64; i++)
            bench.Queues[Receive].Add([], [bench.Allocate(2000)]);

        bench.Start();
        bench.WaitForInterrupt(Receive);
        Assert.InRange((int)bench.Queues[Receive].UsedIndex, Packets, 64);
        Assert.Equal(1, bench.InterruptCount(Receive));
    });

    [Fact]
    public void GoesOnAfterAPacketTheHostRefuses() => NetworkNamespace.Run(() =>
    {
        using DeviceBench bench = new DeviceBench(Create("192.168.19.1")).Start();
        for (int i = 0; i < 2; i++)
            Assert.Equal(0u, bench.Request(Transmit, [bench.Allocate([1, 2, 3])], []).Length);

        Assert.Equal(["a packet could not be sent to tap0: Invalid argument; later ones are not reported"], _context.Complaints);
        bench.Request(Transmit, [bench.Allocate(new byte[HeaderSize + 60])], []);
    });

    [Fact]
    public void ResetsWhileItWaitsForPacketsAndGoesOn() => NetworkNamespace.Run(() =>
    {
        using DeviceBench bench = new(Create("192.168.19.1"));
        for (int i = 0; i < 5; i++)
        {
            bench.Start();
            bench.Queues[Receive].Add([], [bench.Allocate(2000)]);
            bench.Queues[Receive].Kick();
            bench.Request(Transmit, [bench.Allocate(new byte[HeaderSize + 60])], []);
            bench.Reset();
            Assert.Equal(DeviceRunState.Stopped, bench.Runner.State);
        }
    });

    [Fact]
    public void SurvivesTheLossOfItsTap() => NetworkNamespace.Run(() =>
    {
        using DeviceBench bench = new DeviceBench(Create("192.168.19.1")).Start();
        bench.Queues[Receive].Add([], [bench.Allocate(2000)]);
        bench.Queues[Receive].Kick();
        NetworkNamespace.Ip("link", "delete", "tap0");
        for (int i = 0; i < 64; i++)
            bench.Queues[Receive].Add([], [bench.Allocate(2000)]);

        bench.Runner.Kick(Receive);
        bench.WaitUntil(() => _context.Complaints.Any(c => c.StartsWith("tap0 cannot be read any more", StringComparison.Ordinal)), "the loss was not noticed");
        bench.Request(Transmit, [bench.Allocate(new byte[HeaderSize + 60])], []);
        bench.Reset();
    });

    [Fact]
    public void FaultsOnABufferOfTheWrongDirection() => NetworkNamespace.Run(() =>
    {
        using DeviceBench bench = new DeviceBench(Create("192.168.19.1")).Start();
        bench.Queues[Transmit].Add([], [bench.Allocate(1)]);
        bench.Queues[Transmit].Kick();
        Assert.Equal("test0: queue transmit, descriptor 0: a device-writable descriptor in the transmit queue", bench.WaitForFault().ToString());
    });

    private readonly List<GuestBuffer> _buffers = [];
    private int _received;

    /// <summary>The next frame of a type for the guest; what else a network sends of itself is passed over.</summary>
    private byte[] ReceiveFrame(DeviceBench bench, ushort type)
    {
        while (true)
        {
            UsedChain used = bench.WaitForUsed(Receive);
            byte[] packet = bench.Read(_buffers[_received++])[..(int)used.Length];
            byte[] frame = packet[HeaderSize..];
            if (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == type)
                return frame;
        }
    }

    private static void SendFrame(DeviceBench bench, byte[] frame)
    {
        GuestBuffer packet = bench.Allocate([.. new byte[HeaderSize], .. frame]);
        bench.Request(Transmit, DeviceBench.Cut(packet, HeaderSize, 20), []);
    }

    private static byte[] Datagram(byte[] hostMac, ushort from, ushort to, ReadOnlySpan<byte> data)
    {
        byte[] frame = new byte[14 + 20 + 8 + data.Length];
        hostMac.CopyTo(frame, 0);
        s_guestMac.CopyTo(frame, 6);
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), TypeIp);
        Span<byte> ip = frame.AsSpan(14);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(28 + data.Length));
        ip[8] = 64;
        ip[9] = 17;
        s_guestIp.CopyTo(ip[12..]);
        s_hostIp.CopyTo(ip[16..]);
        uint sum = 0;
        for (int i = 0; i < 20; i += 2)
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip[i..]);

        sum = (sum & 0xFFFF) + (sum >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~((sum & 0xFFFF) + (sum >> 16)));
        BinaryPrimitives.WriteUInt16BigEndian(ip[20..], from);
        BinaryPrimitives.WriteUInt16BigEndian(ip[22..], to);
        BinaryPrimitives.WriteUInt16BigEndian(ip[24..], (ushort)(8 + data.Length));
        data.CopyTo(ip[28..]); // A checksum of 0 says that there is none.
        return frame;
    }
}
