// SPDX-License-Identifier: GPL-2.0-or-later
using System.Text;
using LguestPlug.Block;
using LguestPlug.Console;
using LguestPlug.Host;
using LguestPlug.Host.CommandLine;
using LguestPlug.Host.Generation;
using LguestPlug.Host.Inspection;
using LguestPlug.Host.Plugins;
using LguestPlug.Net;
using LguestPlug.Rng;

namespace LguestPlug.Fuzz.Targets;

/// <summary>
/// The input's first byte says what the text behind it is: a device's options, a template, a command line of words divided by spaces,
/// fields of a configuration space, or a short value. All that may come of it is a message of one line.
/// </summary>
internal sealed class OptionsTarget : FuzzTarget
{
    private static readonly Type[] s_optionTypes = [typeof(BlockOptions), typeof(NetOptions), typeof(ConsoleOptions), typeof(RngOptions)];

    private static readonly MachineModel s_model = new()
    {
        Memory = new MemoryModel(64 << 20, 64),
        PageLimit = 16400,
        Kernel = "vmlinux",
        Devices =
        [
            new DeviceModel
            {
                Index = 0,
                Name = "block0",
                Plugin = "block",
                TypeId = 2,
                Description = "disk.img",
                Descriptor = 0x4000000,
                Features = 0x204,
                FeatureBits = [2, 9],
                Config = "4000",
                Queues = [new QueueModel("requests", 256, 1, 0x4001000)],
                Options = new Dictionary<string, object?> { ["file"] = "disk.img", ["read-only"] = true, ["serial"] = null },
            },
        ],
    };

    private readonly NoActions _actions = new();

    public override void Run(ReadOnlySpan<byte> input)
    {
        var reader = new InputReader(input);
        int kind = reader.Byte();
        string text = Encoding.UTF8.GetString(reader.Rest());
        try
        {
            switch (kind % 6)
            {
                case 0:
                    DeviceRequest request = DeviceRequest.Parse(text);
                    Type options = s_optionTypes[kind / 6 % s_optionTypes.Length];
                    _ = DeviceOptions.Given(request, options);
                    _ = DeviceOptions.Bind(request, options);
                    break;
                case 1:
                    _ = ModelTemplate.Parse(text, "--format").Render(s_model);
                    break;
                case 2:
                    var words = text.Split(' ');
                    _ = new LguestCommandLine(_ => 0, _actions, TraceCommands.Trace(_ => 0), TraceCommands.Replay(_ => 0)).Invoke(words, TextWriter.Null);
                    break;
                case 3:
                    _ = ConfigField.ParseAll(text);
                    break;
                case 4:
                    _ = MemorySize.Parse(text);
                    break;
                default:
                    _ = HostLink.TryParse(text, null, out _);
                    _ = MacAddress.TryParse(text, null, out _);
                    _ = IPv4Address.TryParse(text, null, out _);
                    break;
            }
        }
        catch (HostException e)
        {
            if (e.Message.Length == 0)
                throw new FuzzDefectException("the message is empty");
        }
    }

    private sealed class NoActions : IPluginActions
    {
        public int List(IReadOnlyList<string> folders) => 0;

        public int Info(DeviceRequest request, IReadOnlyList<string> folders) => 0;

        public int Add(string plugin, string? source) => 0;

        public int Remove(string name) => 0;

        public int NewConfig(ConfigStructRequest request) => 0;
    }
}
