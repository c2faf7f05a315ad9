// SPDX-License-Identifier: GPL-2.0-or-later
using System.Buffers.Binary;
using CsCheck;
using LguestPlug.Host;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Loading;
using Microsoft.Extensions.Logging.Abstractions;

namespace LguestPlug.Fuzz.Tests;

/// <summary>What holds for every input, where more can be said than that nothing breaks.</summary>
public class PropertyTests
{
    private const int RamBytes = 4 << 20;

    /// <summary>A kernel of any segments is refused, or each of its bytes is where its header says and nothing else was touched.</summary>
    [Fact]
    public void A_kernel_is_loaded_as_its_headers_say_or_refused()
    {
        using var memory = new SurroundedMemory(RamBytes);
        using var file = new MemoryFile("kernel");
        int loaded = 0, refused = 0;
        Gen<(int Page, int Offset, int FileSize, int MoreMemory)> segment = Gen.Select(
            Gen.Int[0, (RamBytes / 4096) + 8], OneOf(0, 0, 0, 1, 0x234, 0xFFF), Gen.Int[0, 9000], OneOf(0, 0, 100, 4096, 20000, -1));
        segment.Array[1, 4].Sample(
            segments =>
            {
                memory.Clear();
                file.Content = Elf(segments);
                using ImageFile image = ImageFile.Open("kernel image", file.Path);
                try
                {
                    Assert.Equal(0x1000u, KernelLoader.Load(image, new GuestRam(memory.Address, RamBytes), NullLogger.Instance));
                    loaded++;
                }
                catch (HostException)
                {
                    refused++;
                    return;
                }

                int place = 0;
                foreach ((int page, int offset, int size, _) in segments)
                {
                    // As the C launcher's mapping did: the rest of an aligned segment's last page covers what was there before.
                    if (segments.Skip(place + 1).Any(later => later.Offset == 0 && later.Page < page + 1 + ((offset + size) / 4096) && later.Page + (later.FileSize / 4096) >= page))
                    {
                        place++;
                        continue;
                    }

                    ReadOnlySpan<byte> there = memory.Bytes.Slice((page * 4096) + offset, size);
                    Assert.True(there.SequenceEqual(Content(place, size)), $"the segment at page {page} is not what is in the file");
                    place++;
                }

                memory.CheckSurroundings();
            },
            iter: 3000,
            threads: 1);
        Assert.True(loaded > 300 && refused > 300, $"{loaded} loaded, {refused} refused: one of the two was hardly tried");
    }

    /// <summary>Whatever is in a value, with its commas doubled it arrives as it is.</summary>
    [Fact]
    public void A_devices_options_arrive_as_written()
    {
        Gen<string> text = Gen.Char[' ', '~'].Array[0, 12].Select(chars => new string(chars));
        Gen<string> key = Gen.Char['a', 'z'].Array[1, 8].Select(chars => new string(chars));
        Gen.Select(key, Gen.Select(key, text).Array[0, 6]).Sample(
            (name, options) =>
            {
                DeviceRequest request = DeviceRequest.Parse(name + string.Concat(options.Select(o => $",{o.Item1}={o.Item2.Replace(",", ",,", StringComparison.Ordinal)}")));
                Assert.Equal(name, request.Name);
                Assert.Null(request.Value);
                Assert.Equal(options.Select(o => KeyValuePair.Create<string, string?>(o.Item1, o.Item2)), request.Options);
            },
            iter: 20_000,
            threads: 1);
    }

    /// <summary>Both executions of the CPU make the same of any hypercalls. Calls whose effect depends on the time are left out.</summary>
    [Fact]
    public void Hypercalls_end_the_same_on_both_executions()
    {
        const int SetClockEvent = 9, Halt = 10;
        using FuzzTarget target = FuzzTarget.Create("hypercalls");
        int compared = 0;
        Gen<byte[]> call = Gen.Select(OneOf<byte>(0, 3, 11, 19), Gen.Int[0, 23].Where(n => n is not (SetClockEvent or Halt)), Gen.Byte[0, 0x7F].Array[4])
            .Select((how, number, arguments) => (byte[])[how, (byte)number, .. arguments]);
        Gen<byte[]> store = Gen.Select(OneOf<byte>(5, 6, 14), Gen.Byte.Array[2], Gen.Byte[0, 0x7F])
            .Select((how, place, value) => how == 5 ? (byte[])[how, .. place, value] : [how, value]);
        Gen.Select(OneOf(0, 2, 8, 10, 24, 26), Gen.OneOf(call, call, store).Array[1, 30]).Sample(
            (flags, steps) =>
            {
                string translated = Outcome(target, flags, steps), interpreted = Outcome(target, flags | 1, steps);

                // One that is stopped was stopped somewhere.
                if (translated.StartsWith("Stopped", StringComparison.Ordinal) || interpreted.StartsWith("Stopped", StringComparison.Ordinal))
                    return;

                Assert.Equal(interpreted, translated);
                compared++;
            },
            iter: 400,
            threads: 1);
        Assert.True(compared > 100, $"only {compared} came to an end");
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static string Outcome(FuzzTarget target, int flags, byte[][] steps)
    {
        target.Run([(byte)flags, .. steps.SelectMany(step => step)]);
        return target.Outcome;
    }

    private static byte[] Content(int segment, int size) => [.. Enumerable.Range(0, size).Select(i => (byte)((i * 7) + (segment * 50) + 1))];

    private static byte[] Elf((int Page, int Offset, int FileSize, int MoreMemory)[] segments)
    {
        const int Header = 52, Entry = 32;
        byte[] image = new byte[4096 * (1 + (segments.Length * 4))];
        byte[] start = [0x7F, (byte)'E', (byte)'L', (byte)'F', 1, 1, 1];
        start.CopyTo(image, 0);
        void Half(int at, int value) => BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(at), (ushort)value);
        void Word(int at, int value) => BinaryPrimitives.WriteInt32LittleEndian(image.AsSpan(at), value);
        Half(16, 2);
        Half(18, 3);
        Word(24, 0x1000);
        Word(28, Header);
        Half(42, Entry);
        Half(44, segments.Length);
        for (int i = 0; i < segments.Length; i++)
        {
            (int page, int offset, int size, int more) = segments[i];
            int place = (4096 * (1 + (i * 4))) + offset, at = Header + (i * Entry);
            Word(at, 1);
            Word(at + 4, place);
            Word(at + 12, (page * 4096) + offset);
            Word(at + 16, size);
            Word(at + 20, size + more);
            Content(i, size).CopyTo(image, place);
        }

        return image;
    }
}
