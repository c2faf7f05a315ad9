// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;

namespace LguestPlug.Bench.Throughput;

/// <summary>What the driver asks for, again and again.</summary>
/// <param name="Kind">
/// <c>read</c>, <c>write</c>, <c>flush</c> and <c>nop</c> (a read without data) go to the disk, <c>rng</c> and <c>con</c> (output)
/// to the devices of these names.
/// </param>
/// <param name="Size">Bytes of data in a request.</param>
/// <param name="Segment">Bytes in each of its pieces.</param>
/// <param name="Depth">Requests in flight; the driver lowers it to what the ring holds.</param>
/// <param name="Indirect">Whether descriptors lie in a table of the request's own.</param>
internal sealed record Operation(string Kind, int Size, int Segment, int Depth, bool Indirect)
{
    private const int Page = 4096;

    public static IReadOnlyList<Operation> All { get; } =
    [
        .. AtDepths("nop", 0, 1, 16, 128),
        new("nop", 0, 0, 128, Indirect: true),
        .. AtDepths("read", Page, 1, 16, 128),
        new("read", Page, Page, 128, Indirect: true),
        new("read", 16 * Page, 16 * Page, 16, Indirect: false),
        new("read", 16 * Page, Page, 16, Indirect: true),
        .. AtDepths("write", Page, 1, 16, 128),
        new("write", Page, Page, 128, Indirect: true),
        .. AtDepths("flush", 0, 1, 16, 128),
        new("rng", Page, Page, 16, Indirect: false),
        .. AtDepths("con", 64, 1, 16, 128),
        new("con", 64, 64, 128, Indirect: true),
    ];

    /// <summary>In the driver's own notation.</summary>
    public string Spec(double seconds) =>
        string.Create(CultureInfo.InvariantCulture, $"{Kind}:{Size}:{Segment}:{Depth}:{(Indirect ? 1 : 0)}:{seconds}");

    private static IEnumerable<Operation> AtDepths(string kind, int size, params int[] depths) =>
        depths.Select(depth => new Operation(kind, size, size, depth, Indirect: false));
}
