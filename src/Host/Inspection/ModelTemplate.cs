// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.Json;
using Scriban;
using Scriban.Parsing;
using Scriban.Runtime;
using Scriban.Syntax;

namespace LguestPlug.Host.Inspection;

/// <summary>A Scriban template over the machine's model. A name that is not in the model is a mistake, never empty text.</summary>
internal sealed class ModelTemplate
{
    private readonly Template _template;
    private readonly string _spelling;

    private ModelTemplate(Template template, string spelling)
    {
        _template = template;
        _spelling = spelling;
    }

    /// <param name="text">The template.</param>
    /// <param name="spelling">How it was given, for messages.</param>
    public static ModelTemplate Parse(string text, string spelling)
    {
        var template = Template.Parse(text);
        return template.HasErrors
            ? throw Bad(spelling, template.Messages.First(m => m.Type == ParserMessageType.Error))
            : new(template, spelling);
    }

    public string Render(MachineModel model)
    {
        var context = new TemplateContext { StrictVariables = true, EnableRelaxedMemberAccess = false, EnableRelaxedTargetAccess = false };
        context.PushGlobal(Globals(model));
        try
        {
            return _template.Render(context);
        }
        catch (ScriptRuntimeException e)
        {
            throw Bad(_spelling, e.Span.Start, e.OriginalMessage);
        }
    }

    private static ScriptObject Globals(MachineModel model)
    {
        var globals = (ScriptObject)ToScript(ModelJson.ToElement(model))!;
        var devices = (ScriptArray)globals["devices"]!;
        // devices[2] is the third on the bus, devices.NAME[0] the first made by that plugin.
        foreach (var sameKind in model.Devices.GroupBy(d => d.Plugin))
            devices.SetValue(Member(sameKind.Key), new ScriptArray(sameKind.Select(d => devices[d.Index])), readOnly: true);
        return globals;
    }

    private static object? ToScript(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Object:
                var members = new ScriptObject();
                foreach (var member in value.EnumerateObject())
                    members.SetValue(Member(member.Name), ToScript(member.Value), readOnly: true);
                return members;
            case JsonValueKind.Array:
                return new ScriptArray(value.EnumerateArray().Select(ToScript));
            case JsonValueKind.Number:
                return value.GetInt64();
            case JsonValueKind.String:
                return value.GetString();
            case JsonValueKind.True or JsonValueKind.False:
                return value.GetBoolean();
            default:
                return null;
        }
    }

    /// <summary>A hyphen would be a subtraction.</summary>
    private static string Member(string name) => name.Replace('-', '_');

    private static UsageException Bad(string spelling, LogMessage message) => Bad(spelling, message.Span.Start, message.Message);

    private static UsageException Bad(string spelling, TextPosition at, string message) =>
        new($"{spelling}: {message.ReplaceLineEndings(" ").Trim()} (line {at.Line + 1}, column {at.Column + 1})");
}
