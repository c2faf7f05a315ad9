// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text.Encodings.Web;
using System.Text.Json;

namespace LguestPlug.Host.Inspection;

/// <summary>The machine's model as JSON.</summary>
internal static class ModelJson
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        // It goes to a terminal or a file, not into HTML: quotes and umlauts in a command line stay readable.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
    };

    public static string Write(MachineModel model) => JsonSerializer.Serialize(model, s_options);

    public static JsonElement ToElement(MachineModel model) => JsonSerializer.SerializeToElement(model, s_options);
}
