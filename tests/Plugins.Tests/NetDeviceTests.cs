// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using LguestPlug.Net;
using LguestPlug.Testing;
using LguestPlug.Tests;

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

    /// <summary>Room for a packet.</summary>
    private static readonly Chain s_room = new Chain().Writable(2000);

    /// <summary>A packet that means nothing to anybody.</summary>
    private static readonly Chain s_packet = new Chain().Readable(new byte[HeaderSize + 60]);

    private readonly TestDeviceContext _context = new("net0");

    private TestDriver Create(string? link, string? tap = null) => TestDriver.Create(
        new NetPlugin(), new NetOptions { Link = link is null ? null : HostLink.Parse(link, null), Tap = tap }, _context);

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
        using TestDriver driver = Create("192.168.19.1:02:11:22:33:44:55");
        Assert.Equal(1, driver.Device.DeviceId);
        Assert.Equal([0xA3, 0x3B, 0x00, 0x10], BitConverter.GetBytes((uint)driver.OfferedFeatures));
        Assert.Equal("0211223344550000", Convert.ToHexString(driver.Config.Span));
        Assert.Equal([256, 256], driver.Queues.Select(q => q.Size));
        Assert.Equal("tun tap0: 192.168.19.1", driver.Device.Description);

        using TestDriver without = Create("192.168.20.1");
        Assert.Equal([0x83, 0x3B, 0x00, 0x10], BitConverter.GetBytes((uint)without.OfferedFeatures));
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
        using TestDriver driver = Create("192.168.19.1");
        Assert.Contains("inet 192.168.19.1/24", NetworkNamespace.Ip("-o", "address", "show", "dev", "tap0"), StringComparison.Ordinal);
        Assert.Contains(",UP", NetworkNamespace.Ip("-o", "link", "show", "dev", "tap0"), StringComparison.Ordinal);
    });

    [Fact]
    public void BecomesAPortOfABridge() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("link", "add", "br7", "type", "bridge");
        using TestDriver driver = Create("bridge:br7");
        string link = NetworkNamespace.Ip("-o", "link", "show", "dev", "tap0");
        Assert.Contains("master br7", link, StringComparison.Ordinal);
        Assert.Contains(",UP", link, StringComparison.Ordinal);
        Assert.Equal("tun tap0 attached to bridge: br7", driver.Device.Description);
    });

    [Fact]
    public void UsesATapMadeBeforehandAsItIs() => NetworkNamespace.Run(() =>
    {
        NetworkNamespace.Ip("tuntap", "add", "dev", "mine", "mode", "tap", "vnet_hdr");
        using TestDriver driver = Create(null, "mine");
        Assert.Equal("tun mine", driver.Device.Description);
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
        using TestDriver driver = Create("192.168.19.1:02:11:22:33:44:55");
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Parse("192.168.19.1"), 7000));

        // Without offloads the host fills in every checksum, so that the packets can be compared whole.
        driver.Start(VirtioFeatures.IndirectDescriptors);
        Chain room = new Chain().Writable(HeaderSize + 1514, HeaderSize);
        for (int i = 0; i < 16; i++)
            driver.Queues[Receive].Submit(i % 2 == 0 ? room : room.Indirect());

        socket.Send("hello guest"u8, "192.168.19.2", 7001);

        byte[] question = ReceiveFrame(driver, TypeArp);
        byte[] hostMac = question[6..12];
        byte[] answer = [.. hostMac, .. s_guestMac, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, .. s_guestMac, .. s_guestIp, .. hostMac, .. s_hostIp];
        SendFrame(driver, answer);

        byte[] datagram = ReceiveFrame(driver, TypeIp);
        Assert.Equal(s_guestMac, datagram[..6]);
        Assert.Equal("hello guest"u8.ToArray(), datagram[42..]);
        driver.Queues[Receive].WaitForInterrupt();

        SendFrame(driver, Datagram(hostMac, 7001, 7000, "hello host"u8));
        Task<UdpReceiveResult> received = socket.ReceiveAsync();
        Assert.True(received.Wait(driver.Patience));
        Assert.Equal("hello host"u8.ToArray(), received.Result.Buffer);
        Assert.Equal("192.168.19.2:7001", received.Result.RemoteEndPoint.ToString());
        Assert.Empty(_context.Warnings);
    });

    /// <summary>Packets that wait are all given before the guest is interrupted, once.</summary>
    [Fact]
    public void HoldsTheInterruptBackWhileMorePacketsWait() => NetworkNamespace.Run(() =>
    {
        const int Packets = 8;
        NetworkNamespace.SwitchOffIPv6();
        using TestDriver driver = Create("192.168.19.1:02:11:22:33:44:55");
        NetworkNamespace.Ip("neighbour", "add", "192.168.19.2", "lladdr", "02:11:22:33:44:55", "dev", "tap0");
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Parse("192.168.19.1"), 7000));
        for (int i = 0; i < Packets; i++)
            socket.Send("packet"u8, "192.168.19.2", 7001);

        for (int i = 0; i < 64; i++)
            driver.Queues[Receive].Submit(s_room);

        driver.Start();
        driver.Queues[Receive].WaitForInterrupt();
        int received = 0;
        while (driver.Queues[Receive].TryGetCompletion() is not null)
            received++;

        Assert.InRange(received, Packets, 64);
        Assert.Equal(1, driver.Queues[Receive].Interrupts);
    });

    [Fact]
    public void GoesOnAfterAPacketTheHostRefuses() => NetworkNamespace.Run(() =>
    {
        using TestDriver driver = Create("192.168.19.1").Start();
        for (int i = 0; i < 2; i++)
            Assert.Equal(0u, driver.Queues[Transmit].Send(new Chain().Readable([1, 2, 3])).Length);

        Assert.Equal(["a packet could not be sent to tap0: Invalid argument; later ones are not reported"], _context.Warnings);
        driver.Queues[Transmit].Send(s_packet);
    });

    [Fact]
    public void ResetsWhileItWaitsForPacketsAndGoesOn() => NetworkNamespace.Run(() =>
    {
        using TestDriver driver = Create("192.168.19.1");
        for (int i = 0; i < 5; i++)
        {
            driver.Start();
            driver.Queues[Receive].Submit(s_room);
            driver.Queues[Transmit].Send(s_packet);
            driver.Reset();
            Assert.False(driver.IsRunning);
        }
    });

    [Fact]
    public void SurvivesTheLossOfItsTap() => NetworkNamespace.Run(() =>
    {
        using TestDriver driver = Create("192.168.19.1").Start();
        driver.Queues[Receive].Submit(s_room);
        NetworkNamespace.Ip("link", "delete", "tap0");
        for (int i = 0; i < 64; i++)
            driver.Queues[Receive].Submit(s_room);

        driver.Queues[Receive].Kick();
        driver.WaitUntil(() => _context.Warnings.Any(c => c.StartsWith("tap0 cannot be read any more", StringComparison.Ordinal)), "the loss was not noticed");
        driver.Queues[Transmit].Send(s_packet);
        driver.Reset();
    });

    [Fact]
    public void FaultsOnABufferOfTheWrongDirection() => NetworkNamespace.Run(() =>
    {
        using TestDriver driver = Create("192.168.19.1").Start();
        driver.Queues[Transmit].Submit(new Chain().Writable(1));
        Assert.Equal("queue transmit, descriptor 0: a device-writable descriptor in the transmit queue", driver.WaitForFault().Message);
    });

    /// <summary>The next frame of a type for the guest; what else a network sends of itself is passed over.</summary>
    private byte[] ReceiveFrame(TestDriver driver, ushort type)
    {
        while (true)
        {
            byte[] frame = driver.Queues[Receive].WaitForCompletion().Written[HeaderSize..];
            if (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)) == type)
                return frame;
        }
    }

    private static void SendFrame(TestDriver driver, byte[] frame) =>
        driver.Queues[Transmit].Send(new Chain().Readable([.. new byte[HeaderSize], .. frame], HeaderSize, 20));

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
