// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Inspection;

/// <summary>How <c>--format</c> wants the machine's model written. A bad one is found before anything is laid out.</summary>
internal sealed class ModelFormat
{
    private readonly Action<MachineModel, TextWriter> _write;

    private ModelFormat(Action<MachineModel, TextWriter> write) => _write = write;

    /// <param name="format">What was given, or null.</param>
    public static ModelFormat Parse(string? format)
    {
        if (format is null or "table")
            return new(ModelTable.Write);
        if (format == "json")
            return new((model, output) => output.WriteLine(ModelJson.Write(model)));
        if (!format.Contains("{{", StringComparison.Ordinal))
            throw new UsageException($"--format is 'table', 'json' or a template such as '{{{{ page_limit }}}}', not '{format}'");
        var template = ModelTemplate.Parse(format, "--format");
        return new((model, output) => output.WriteLine(template.Render(model)));
    }

    public void Write(MachineModel model, TextWriter output) => _write(model, output);
}
