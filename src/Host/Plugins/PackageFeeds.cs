// SPDX-License-Identifier: GPL-2.0-or-later
using NuGet.Common;
using NuGet.Configuration;
using NuGet.Packaging;
using NuGet.Protocol;
using NuGet.Protocol.Core.Types;
using NuGet.Versioning;

namespace LguestPlug.Host.Plugins;

/// <summary>Finds packages in folders and feeds: in those of the user's NuGet configuration unless one is named.</summary>
internal static class PackageFeeds
{
    /// <summary>Copies a package into a folder.</summary>
    /// <param name="wanted"><c>ID</c> for its highest version, a release if there is one, or <c>ID@VERSION</c>.</param>
    /// <param name="source">A folder or a feed's address; null for those configured.</param>
    /// <param name="folder">Where the package's file goes.</param>
    /// <returns>The package's file.</returns>
    /// <exception cref="HostException">It is not found, or cannot be had.</exception>
    public static string Fetch(string wanted, string? source, string folder)
    {
        var at = wanted.IndexOf('@', StringComparison.Ordinal);
        var id = at < 0 ? wanted : wanted[..at];
        NuGetVersion? version = null;
        if (at >= 0 && !NuGetVersion.TryParse(wanted[(at + 1)..], out version))
            throw new UsageException($"'{wanted[(at + 1)..]}' is not a version of a package (example: {id}@1.2.0)");
        if (!PackageIdValidator.IsValidPackageId(id))
            throw new UsageException($"'{id}' is neither a file, nor a folder, nor the name of a package");
        return FetchAsync(id, version, Sources(source), folder).GetAwaiter().GetResult();
    }

    private static List<PackageSource> Sources(string? source)
    {
        try
        {
            if (source is null)
                return [.. new PackageSourceProvider(Settings.LoadDefaultSettings(Directory.GetCurrentDirectory())).LoadPackageSources().Where(s => s.IsEnabled)];
        }
        catch (NuGetConfigurationException e)
        {
            throw new HostException($"the configuration of NuGet cannot be used: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
        if (Uri.TryCreate(source, UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
            return [new(source)];
        if (!Directory.Exists(source))
            throw new HostException($"--source '{source}': no such folder");
        return [new(Path.GetFullPath(source))];
    }

    private static async Task<string> FetchAsync(string id, NuGetVersion? version, List<PackageSource> sources, string folder)
    {
        using var cache = new SourceCacheContext { NoCache = true, DirectDownload = true };
        (FindPackageByIdResource Source, NuGetVersion Version)? best = null;
        var others = new SortedSet<NuGetVersion>();
        var failures = new List<string>();
        foreach (var source in sources)
        {
            try
            {
                var packages = await Repository.Factory.GetCoreV3(source).GetResourceAsync<FindPackageByIdResource>(CancellationToken.None).ConfigureAwait(false);
                if (packages is null)
                {
                    failures.Add($"{source.Source} is no feed of packages");
                    continue;
                }
                foreach (var there in await packages.GetAllVersionsAsync(id, cache, NullLogger.Instance, CancellationToken.None).ConfigureAwait(false))
                {
                    if (version is not null && there != version)
                        others.Add(there);
                    else if (best is not { } known || IsBetter(there, known.Version))
                        best = (packages, there);
                }
            }
            catch (NuGetProtocolException e)
            {
                failures.Add($"{source.Source} cannot be asked: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}");
            }
        }
        if (best is not { } found)
        {
            var places = sources.Count == 0 ? "no feed is configured" : $"looked in {string.Join(", ", sources.Select(s => s.Source))}";
            throw new HostException(string.Join("; ",
                [$"package '{id}'{(version is null ? "" : $" {version}")} is not found{(others.Count == 0 ? "" : $", only {string.Join(", ", others)}")}", places, .. failures]));
        }

        var path = Path.Combine(folder, $"{id}.{found.Version.ToNormalizedString()}.nupkg");
        using var file = File.Create(path);
        try
        {
            if (!await found.Source.CopyNupkgToStreamAsync(id, found.Version, file, cache, NullLogger.Instance, CancellationToken.None).ConfigureAwait(false))
                throw new HostException($"package '{id}' {found.Version} is listed but cannot be had");
        }
        catch (NuGetProtocolException e)
        {
            throw new HostException($"package '{id}' {found.Version} cannot be had: {(e.InnerException ?? e).Message.ReplaceLineEndings(" ")}", inner: e);
        }
        return path;
    }

    private static bool IsBetter(NuGetVersion one, NuGetVersion other) =>
        one.IsPrerelease == other.IsPrerelease ? one > other : other.IsPrerelease;
}
