// SPDX-License-Identifier: GPL-2.0-or-later
using System.Runtime.Loader;
using McMaster.NETCore.Plugins.Loader;
using Microsoft.Extensions.Logging;

namespace LguestPlug.Host.Plugins;

/// <summary>The plugins found in the given folders, and how to get at one by name.</summary>
internal sealed class PluginCatalog
{
    private readonly IReadOnlyList<string> _folders;

    private PluginCatalog(IReadOnlyList<string> folders, IReadOnlyList<PluginCandidate> candidates, IReadOnlyList<PluginProblem> problems)
    {
        _folders = folders;
        Candidates = candidates;
        Problems = problems;
    }

    /// <summary>All announced devices, usable or not, by name.</summary>
    public IReadOnlyList<PluginCandidate> Candidates { get; }

    /// <summary>Files that cannot be read as what their name says.</summary>
    public IReadOnlyList<PluginProblem> Problems { get; }

    /// <summary>Looks into the folders of this lguest and of the user, then into the extra folders, and into the subfolders of each.</summary>
    public static PluginCatalog Scan(IReadOnlyList<string> extraFolders) =>
        Scan(PluginFolders.OfUser is { } own ? [PluginFolders.Standard, own] : [PluginFolders.Standard], extraFolders);

    /// <summary>The same with other folders, which may be missing, in place of those of this lguest and of the user.</summary>
    public static PluginCatalog Scan(IReadOnlyList<string> folders, IReadOnlyList<string> extraFolders)
    {
        var missing = extraFolders.FirstOrDefault(folder => !Directory.Exists(folder));
        if (missing is not null)
            throw new HostException($"--plugin-dir '{missing}': no such folder");

        var candidates = new List<PluginCandidate>();
        var problems = new List<PluginProblem>();
        string[] all = [.. folders.Concat(extraFolders).Select(Path.GetFullPath).Distinct()];
        foreach (var file in all.SelectMany(folder => AssembliesIn(folder, problems)).Distinct())
        {
            try
            {
                candidates.AddRange(PluginMetadata.Read(file));
            }
            catch (BadImageFormatException)
            {
                problems.Add(new(file, "not a .NET assembly, or a damaged one"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                problems.Add(new(file, e.Message.ReplaceLineEndings(" ")));
            }
        }
        return new(all, [.. candidates.OrderBy(c => c.Name, StringComparer.Ordinal)], problems);
    }

    /// <summary>Tells what was found and cannot be used; devices that are wanted report for themselves.</summary>
    public void Report(ILogger logger, IReadOnlySet<string> wanted)
    {
        foreach (var problem in Problems)
            logger.LogWarning("plugin {Path} ignored: {Reason}", problem.Path, problem.Reason);
        foreach (var candidate in Candidates.Where(c => c.Problem is not null && !wanted.Contains(c.Name)))
            logger.LogWarning("plugin {Path} ignored: {Reason}", candidate.Path, candidate.Problem);
    }

    /// <summary>Loads the plugin of that name.</summary>
    public DevicePlugin Load(string name) => Load(Find(name));

    /// <summary>The one plugin of that name.</summary>
    public PluginCandidate Find(string name)
    {
        var found = Candidates.Where(c => c.Name == name).ToList();
        return found switch
        {
            [] => throw NotFound(name),
            [{ Problem: null } one] => one,
            [var broken] => throw new HostException($"plugin '{name}' ({broken.Path}) cannot be used: {broken.Problem}"),
            _ => throw new HostException($"device '{name}' is announced by {found.Count} plugins: {string.Join(", ", found.Select(c => c.Path))}"),
        };
    }

    private HostException NotFound(string name)
    {
        var usable = Candidates.Where(c => c.Problem is null).Select(c => c.Name).Distinct().ToList();
        if (usable.Count == 0)
            return new($"no plugin for device '{name}': no plugins in {string.Join(", ", _folders)}");
        return new($"no plugin for device '{name}'{Suggestion.For(name, usable)} (available: {string.Join(", ", usable)})");
    }

    /// <summary>Loads one that has no problem so far.</summary>
    /// <param name="candidate">The plugin.</param>
    /// <param name="shownAs">What messages say in place of its path.</param>
    public static DevicePlugin Load(PluginCandidate candidate, string? shownAs = null)
    {
        HostException Broken(string reason, Exception? inner = null) =>
            new($"plugin '{candidate.Name}' ({shownAs ?? candidate.Path}) cannot be used: {reason}", inner: inner);
        try
        {
            // Not unloadable: collectible code runs at half the speed. And not by PluginLoader, which spends as long as all the
            // rest of a launch on looking for probing paths in our own lguest.runtimeconfig.json, where there are none.
            var context = new AssemblyLoadContextBuilder()
                .SetMainAssemblyPath(candidate.Path)
                .SetDefaultContext(AssemblyLoadContext.Default)
                .PreferDefaultLoadContextAssembly(typeof(DevicePlugin).Assembly.GetName())
                .PreferDefaultLoadContextAssembly(typeof(ILogger).Assembly.GetName())
                .Build();
            var type = context.LoadFromAssemblyPath(candidate.Path).GetType(candidate.TypeName)
                ?? throw Broken($"it has no class {candidate.TypeName}");
            if (!type.IsAssignableTo(typeof(DevicePlugin)))
                throw Broken($"{candidate.TypeName} does not derive from {nameof(DevicePlugin)}<TOptions>");
            if (type.IsAbstract || type.GetConstructor(Type.EmptyTypes) is null)
                throw Broken($"{candidate.TypeName} has no public constructor without parameters");
            return (DevicePlugin)Activator.CreateInstance(type)!;
        }
        catch (Exception e) when (e is not HostException)
        {
            throw Broken((e.InnerException ?? e).Message.ReplaceLineEndings(" "), e);
        }
    }

    private static IEnumerable<string> AssembliesIn(string folder, List<PluginProblem> problems)
    {
        IEnumerable<string> In(string parent, Func<string, string[]> list)
        {
            try
            {
                return list(parent).Order(StringComparer.Ordinal);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                problems.Add(new(parent, e.Message.ReplaceLineEndings(" ")));
                return [];
            }
        }

        if (!Directory.Exists(folder))
            return [];
        return In(folder, Directory.GetDirectories).Prepend(folder).SelectMany(f => In(f, parent => Directory.GetFiles(parent, "*.dll")));
    }
}
