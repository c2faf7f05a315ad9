// SPDX-License-Identifier: GPL-2.0-or-later
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Generation;

namespace LguestPlug.Host.Plugins;

/// <summary>The actions of <c>lguest plugins</c>.</summary>
/// <param name="output">Where to say what was found and done.</param>
/// <param name="standardFolder">The plugins that come with this lguest.</param>
/// <param name="userFolder">The user's own; null for a user without a home.</param>
internal sealed class PluginManagement(TextWriter output, string standardFolder, string? userFolder) : IPluginActions
{
    /// <summary>Assemblies a plugin shares with the host, beside those of the framework.</summary>
    private static readonly string[] s_shared = ["LguestPlug.Abstractions", "Microsoft.Extensions.Logging.Abstractions", "Microsoft.Extensions.DependencyInjection.Abstractions"];

    public PluginManagement(TextWriter output)
        : this(output, PluginFolders.Standard, PluginFolders.OfUser)
    {
    }

    public int List(IReadOnlyList<string> folders) => PluginListing.Write(Scan(folders), output);

    public int Info(DeviceRequest request, IReadOnlyList<string> folders)
    {
        PluginInfo.Write(Scan(folders), request, output);
        return 0;
    }

    public int Add(string plugin, string? source)
    {
        using var installed = OpenUserFolder();
        var folder = Directory.CreateDirectory(Path.Combine(installed.Incoming, "gathered")).FullName;
        try
        {
            Gather(plugin, source, installed.Incoming, folder);
            var devices = Check(plugin, folder);
            var name = Path.GetFileNameWithoutExtension(devices[0].Path);
            var before = Scan([]).Candidates.Where(c => c.Path == Path.Combine(installed.Folder, name, name + ".dll")).ToList();
            RefuseClashes(plugin, devices, Path.Combine(installed.Folder, name));

            var prepared = Path.Combine(Directory.CreateDirectory(Path.Combine(installed.Incoming, "ready")).FullName, name);
            Directory.Move(folder, prepared);
            var place = installed.Install(prepared);
            var done = before.Count == 0 ? $"added {name} {devices[0].Version}" : $"replaced {name} {before[0].Version} by {devices[0].Version}";
            output.WriteLine($"{done}: {string.Join(", ", devices.Select(d => $"device '{d.Name}'"))}, in {place}");
            return 0;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostException($"'{plugin}' cannot be added: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
    }

    public int Remove(string name)
    {
        using var installed = OpenUserFolder();
        var own = PluginCatalog.Scan([installed.Folder], []).Candidates;
        var folders = Directory.GetDirectories(installed.Folder).Select(path => Path.GetFileName(path)).ToList();
        // By the device's name as on the command line, or by the folder's, which a damaged plugin still has.
        var folder = folders.FirstOrDefault(f => own.Any(c => c.Name == name && Path.GetDirectoryName(c.Path) == Path.Combine(installed.Folder, f)))
            ?? folders.FirstOrDefault(f => f == name);
        if (folder is null)
        {
            if (PluginCatalog.Scan([standardFolder], []).Candidates.Any(c => c.Name == name))
                throw new HostException($"plugin '{name}' comes with this lguest and stays");
            var known = own.Select(c => c.Name).Distinct().ToList();
            throw new HostException($"no plugin '{name}' in {installed.Folder}{Suggestion.For(name, known)}{(known.Count == 0 ? "" : $" (there: {string.Join(", ", known)})")}");
        }
        try
        {
            installed.Remove(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostException($"plugin '{name}' cannot be removed: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
        output.WriteLine($"removed {folder}");
        return 0;
    }

    public int NewConfig(ConfigStructRequest request)
    {
        foreach (var file in ConfigStruct.Write(request))
            output.WriteLine($"wrote {file}");
        return 0;
    }

    private PluginCatalog Scan(IReadOnlyList<string> folders) =>
        PluginCatalog.Scan(userFolder is null ? [standardFolder] : [standardFolder, userFolder], folders);

    private UserPlugins OpenUserFolder() =>
        UserPlugins.Open(userFolder ?? throw new HostException("there is no folder for your plugins: neither XDG_DATA_HOME nor a home directory is set"));

    /// <summary>Puts the plugin's files into an empty folder, wherever they come from.</summary>
    private static void Gather(string plugin, string? source, string forPackage, string folder)
    {
        var isFile = plugin.EndsWith(".nupkg", StringComparison.OrdinalIgnoreCase) || File.Exists(plugin);
        if ((isFile || Directory.Exists(plugin)) && source is not null)
            throw new UsageException($"--source is where a package is looked for by its name, and '{plugin}' is a path");
        if (isFile)
        {
            if (!File.Exists(plugin))
                throw new HostException($"'{plugin}': no such file");
            PluginPackage.Unpack(plugin, plugin, folder);
        }
        else if (Directory.Exists(plugin))
        {
            // Before anything is copied: a whole home directory is soon named by mistake.
            DevicesIn(plugin, Path.GetFullPath(plugin));
            CopyTree(plugin, folder);
        }
        else if (plugin.Contains('/'))
            throw new HostException($"'{plugin}': no such file or folder");
        else
            PluginPackage.Unpack(PackageFeeds.Fetch(plugin, source, forPackage), plugin, folder);
    }

    private static void CopyTree(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (var folder in Directory.GetDirectories(from).Where(f => !File.GetAttributes(f).HasFlag(FileAttributes.ReparsePoint)))
            CopyTree(folder, Path.Combine(to, Path.GetFileName(folder)));
    }

    /// <summary>Loads what was gathered, as a launch would.</summary>
    /// <returns>The devices, all of one assembly.</returns>
    private static List<PluginCandidate> Check(string plugin, string folder)
    {
        var devices = DevicesIn(plugin, folder);
        foreach (var device in devices)
        {
            if (device.Problem is { } problem)
                throw new HostException($"plugin '{device.Name}' ({plugin}) cannot be used: {problem}");
            if (!IsDeviceName(device.Name))
                throw new HostException($"plugin '{device.Name}' ({plugin}) cannot be used: a device's name has lower-case letters, digits and hyphens, and begins with a letter");
            if (MissingReference(device.Path) is { } missing)
                throw new HostException($"plugin '{device.Name}' ({plugin}) cannot be used: it needs {missing}, which is not there");
            DeviceOptions.Describe(device.Name, PluginCatalog.Load(device, plugin).OptionsType);
        }
        return devices;
    }

    /// <summary>The devices an assembly in the folder itself announces.</summary>
    private static List<PluginCandidate> DevicesIn(string plugin, string folder)
    {
        var found = PluginCatalog.Scan([folder], []);
        var devices = found.Candidates.Where(c => Path.GetDirectoryName(c.Path) == Path.TrimEndingDirectorySeparator(folder)).ToList();
        if (devices.Count == 0)
        {
            var damaged = found.Problems.Count == 0 ? "no assembly in it announces a device" : $"{Path.GetFileName(found.Problems[0].Path)} is {found.Problems[0].Reason}";
            throw new HostException($"'{plugin}' holds no plugin: {damaged}");
        }
        var assemblies = devices.Select(d => Path.GetFileName(d.Path)).Distinct().ToList();
        if (assemblies.Count > 1)
            throw new HostException($"'{plugin}' holds more than one plugin: {string.Join(", ", assemblies)}");
        return devices;
    }

    private static bool IsDeviceName(string name) =>
        name is [>= 'a' and <= 'z', ..] && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-');

    /// <summary>What the plugin's assembly refers to and neither brings along nor gets from the host, or null.</summary>
    private static string? MissingReference(string path)
    {
        using var image = new PEReader(File.OpenRead(path));
        var metadata = image.GetMetadataReader();
        var brought = Directory.GetFiles(Path.GetDirectoryName(path)!, "*.dll", SearchOption.AllDirectories).Select(Path.GetFileNameWithoutExtension).ToHashSet();
        return metadata.AssemblyReferences
            .Select(metadata.GetAssemblyReference)
            .Where(reference => !IsThere(metadata.GetString(reference.Name)))
            .Select(reference => $"{metadata.GetString(reference.Name)} {reference.Version}")
            .FirstOrDefault();

        bool IsThere(string name) =>
            brought.Contains(name) || s_shared.Contains(name) || File.Exists(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), name + ".dll"));
    }

    private void RefuseClashes(string plugin, List<PluginCandidate> devices, string place)
    {
        foreach (var other in Scan([]).Candidates.Where(c => Path.GetDirectoryName(c.Path) != place))
        {
            if (devices.Any(d => d.Name == other.Name))
                throw new HostException($"'{plugin}' cannot be added: there is a plugin for device '{other.Name}' already, {other.Path}");
        }
    }
}
