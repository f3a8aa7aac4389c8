module pillarbox/tests/clients/go

go 1.23

require (
	github.com/BurntSushi/toml v1.6.0
	github.com/rabbitmq/amqp091-go v1.16.0
)
