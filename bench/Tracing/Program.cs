// SPDX-License-Identifier: GPL-2.0-or-later
using System.Globalization;
using LguestPlug.Bench.Tracing;

// What a trace costs, and what it costs to be able to have one: the same chains served in turn, in one process.
var rounds = args is [var text] ? int.Parse(text, CultureInfo.InvariantCulture) : 101;
const int Plain = 128 * 1024;
const int Traced = 8 * 1024;
var folder = Directory.CreateTempSubdirectory("lguest-trace-bench");
Lane[] lanes =
[
    Lane.ByItself("a queue alone", Plain),
    Lane.ByItself("the same again", Plain),
    Lane.AsLaunched("without --trace", Plain, null),
    Lane.AsLaunched("--trace /dev/null", Traced, "/dev/null"),
    Lane.AsLaunched("... text", Traced, Path.Combine(folder.FullName, "text")),
    Lane.AsLaunched("... json", Traced, Path.Combine(folder.FullName, "json") + ",format=json"),
    Lane.AsLaunched("... json, data=full", Traced, Path.Combine(folder.FullName, "full") + ",format=json,data=full"),
];
var results = lanes.Select(_ => new List<(double Nanoseconds, double Bytes)>()).ToArray();
const int WarmUp = 10;
for (var round = 0; round < rounds + WarmUp; round++)
{
    // Each begins now and then: whoever comes first finds other caches.
    foreach (var i in Enumerable.Range(0, lanes.Length).Select(i => (i + round) % lanes.Length))
    {
        var result = lanes[i].Measure();
        if (round >= WarmUp)
            results[i].Add(result);
    }
}
Console.WriteLine($"{rounds} rounds; ns a chain, its ratio to the first (median of the rounds' ratios, and the middle half of them), managed bytes allocated a chain");
foreach (var (lane, measured) in lanes.Zip(results))
{
    double[] ratios = [.. measured.Zip(results[0], (mine, first) => mine.Nanoseconds / first.Nanoseconds).Order()];
    double At(double part) => ratios[(int)(part * (ratios.Length - 1))];
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"{lane.Name,-22} {measured.Select(m => m.Nanoseconds).Order().ElementAt(rounds / 2),9:F1} ns  x {At(0.5),7:F3} ({At(0.25):F3} to {At(0.75):F3})  {measured.Average(m => m.Bytes),9:F3} B"));
}
foreach (var lane in lanes)
    lane.Dispose();
folder.Delete(recursive: true);
return results[2].Any(m => m.Bytes != 0) ? 1 : 0;
