// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.RegularExpressions;
using LguestPlug.Host.CommandLine;
using Scriban;
using Scriban.Runtime;

namespace LguestPlug.Host.Generation;

/// <summary>Writes the C# of a device's configuration space, and the tests of its layout, from a list of fields.</summary>
internal static partial class ConfigStruct
{
    private const string WrittenBy = "// Written by 'lguest plugins new-config";

    /// <returns>The files written.</returns>
    /// <exception cref="HostException">A file is there that was not written by this, or cannot be written.</exception>
    public static IReadOnlyList<string> Write(ConfigStructRequest request)
    {
        if (!Identifier().IsMatch(request.Name))
            throw new UsageException($"'{request.Name}' is not a name for a C# structure");
        if (!request.Namespace.Split('.').All(part => Identifier().IsMatch(part)))
            throw new UsageException($"'{request.Namespace}' is not a C# namespace");
        var fields = ConfigField.ParseAll(request.Fields);
        if (fields.FirstOrDefault(f => f.Name == request.Name || f.Name == "ToBytes") is { } taken)
            throw new UsageException($"a field cannot be named '{taken.Name}', which the structure has already");
        var files = new List<(string Path, string Text)> { (Path.Combine(request.Folder, request.Name + ".cs"), Render("struct", request, fields)) };
        if (request.TestFolder is { } tests)
            files.Add((Path.Combine(tests, request.Name + "Tests.cs"), Render("tests", request, fields)));
        try
        {
            foreach (var (path, _) in files)
            {
                if (File.Exists(path) && !File.ReadAllText(path).StartsWith(WrittenBy, StringComparison.Ordinal))
                    throw new HostException($"'{path}' is there, and was not written by this command");
            }
            foreach (var (path, text) in files)
                File.WriteAllText(path, text);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostException($"'{request.Name}' cannot be written: {e.Message.ReplaceLineEndings(" ")}", inner: e);
        }
        return [.. files.Select(file => file.Path)];
    }

    private static string Render(string name, ConfigStructRequest request, IReadOnlyList<ConfigField> fields)
    {
        using var resource = typeof(ConfigStruct).Assembly.GetManifestResourceStream($"config-{name}.scriban")!;
        using var reader = new StreamReader(resource);
        var size = fields[^1].Offset + fields[^1].Size;
        var model = new ScriptObject
        {
            ["first_line"] = $"{WrittenBy} {string.Join(',', request.Fields.Split(',', StringSplitOptions.TrimEntries))} --name {request.Name} --namespace {request.Namespace}': change the fields there, and write it again.",
            ["name"] = request.Name,
            ["namespace"] = request.Namespace,
            ["size"] = size,
            ["fields"] = fields.Select(field => Describe(field, size)).ToList(),
        };
        var context = new TemplateContext { StrictVariables = true };
        context.PushGlobal(model);
        return Template.Parse(reader.ReadToEnd(), name).Render(context);
    }

    private static ScriptObject Describe(ConfigField field, int size)
    {
        var (type, suffix) = field.Width switch { 1 => ("byte", ""), 2 => ("ushort", ""), 4 => ("uint", "U"), _ => ("ulong", "UL") };
        // A value with another byte at every place, so that no byte can be mistaken for another.
        var elements = Enumerable.Range(0, field.Count ?? 1)
            .Select(element => Enumerable.Range(0, field.Width).Select(i => (byte)(1 + ((element * field.Width) + i))).ToArray())
            .ToList();
        return new ScriptObject
        {
            ["name"] = field.Name,
            ["type"] = type,
            ["count"] = field.Count,
            ["bytes"] = field.Size == 1 ? $"Byte {field.Offset}" : $"Bytes {field.Offset} to {field.Offset + field.Size - 1}",
            ["values"] = elements.Select(bytes => $"0x{Convert.ToHexString([.. bytes.Reverse()])}{suffix}").ToList(),
            ["expected"] = string.Concat(Enumerable.Repeat("00", field.Offset))
                + string.Concat(elements.Select(Convert.ToHexString))
                + string.Concat(Enumerable.Repeat("00", size - field.Offset - field.Size)),
        };
    }

    [GeneratedRegex("^[A-Za-z_][A-Za-z0-9_]*$")]
    private static partial Regex Identifier();
}
