// SPDX-License-Identifier: GPL-2.0-or-later
namespace LguestPlug.Host.Inspection;

/// <summary>The guest's words as templates, for <c>--template-args</c>.</summary>
internal static class GuestArgumentTemplates
{
    /// <returns>The words; one that a template turned into nothing is left out.</returns>
    public static IReadOnlyList<string> Render(IReadOnlyList<string> words, MachineModel model)
    {
        var rendered = new List<string>();
        foreach (var word in words)
        {
            var text = ModelTemplate.Parse(word, $"--template-args: '{word}'").Render(model);
            // The guest would take it for the end of the command line.
            if (text.Contains('\0', StringComparison.Ordinal))
                throw new UsageException($"--template-args: '{word}' gives a NUL character");
            if (text.Length > 0 || word.Length == 0)
                rendered.Add(text);
        }
        return rendered;
    }
}
