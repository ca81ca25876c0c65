"""What the console shows, and its routes."""

from api.console.access import Clients
from api.console.commands import Commands
from api.console.orders import Orders
from api.console.shop import Customers, Products
from api.console.site import Console
from api.console.trail import Trail
from api.console.webhooks import Deliveries, Endpoints
from store.models import AuditEntry, Client, Command, Customer, Delivery, Endpoint, Order, Product

console = Console()
console.register(Command, Commands)
console.register(Order, Orders)
console.register(Product, Products)
console.register(Customer, Customers)
console.register(Endpoint, Endpoints)
console.register(Delivery, Deliveries)
console.register(Client, Clients)
console.register(AuditEntry, Trail)
