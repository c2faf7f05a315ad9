// SPDX-License-Identifier: GPL-2.0-or-later
using System.Reflection;
using System.Runtime.Loader;

namespace LguestPlug.Host.Privileges;

/// <summary>
/// Loads every assembly that may be wanted later. The runtime loads one when code first needs it, which fails where its file
/// cannot be reached any more. Shared libraries need no such care: the C library is there, and what a plugin wants
/// beyond that it uses when its device is made.
/// </summary>
internal static class ResidentCode
{
    public static void LoadAll()
    {
        // The runtime finds some of its own parts by name, without a reference to them.
        if (AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES") is string platform)
        {
            foreach (var path in platform.Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
                TryLoad(AssemblyLoadContext.Default, new AssemblyName(Path.GetFileNameWithoutExtension(path)));
        }
        // Plugins bring their own, which refer to others in turn.
        foreach (var context in AssemblyLoadContext.All.Where(c => c != AssemblyLoadContext.Default).ToList())
            LoadReferences(context);
    }

    private static void LoadReferences(AssemblyLoadContext context)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var left = new Queue<Assembly>(context.Assemblies);
        while (left.TryDequeue(out var assembly))
        {
            foreach (var reference in assembly.GetReferencedAssemblies().Where(r => seen.Add(r.FullName)))
            {
                if (TryLoad(context, reference) is { } loaded && AssemblyLoadContext.GetLoadContext(loaded) == context)
                    left.Enqueue(loaded);
            }
        }
    }

    private static Assembly? TryLoad(AssemblyLoadContext context, AssemblyName name)
    {
        try
        {
            return context.LoadFromAssemblyName(name);
        }
        catch (Exception e) when (e is IOException or BadImageFormatException)
        {
            // Something optional that was never there: whoever needs it will say so.
            return null;
        }
    }
}
